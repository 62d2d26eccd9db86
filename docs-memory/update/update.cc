#include "docs-memory/update/update.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/update/operators.h"
#include "docs-memory/update/tree.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {

struct Update::Step final {
  std::string field;
  Path path;
  std::unique_ptr<const Operator> op;
};

Update::Update() = default;
Update::Update(Update&&) noexcept = default;
Update& Update::operator=(Update&&) noexcept = default;
Update::~Update() = default;

namespace {

constexpr std::string_view kOperators[] = {
    "$set",    "$unset",       "$setOnInsert", "$inc",      "$mul",  "$min",     "$max",
    "$rename", "$currentDate", "$push",        "$addToSet", "$pull", "$pullAll", "$pop"};

absl::StatusOr<Path> ParseTarget(std::string_view field) {
  auto path = ParsePath(field);
  if (!path.ok()) return Error(ErrorCode::kUpdate, field, "", "not a path");
  if (path->front() == "_id")
    return Error(ErrorCode::kIdImmutable, field, "", "the _id does not change");
  if (path->front()[0] == '_')
    return Error(ErrorCode::kReservedField, field, "", "the field is the store's");
  for (const std::string& part : *path) {
    if (part[0] == '$')
      return Error(ErrorCode::kFieldName, field, part, "a field name may not begin with $");
  }
  return path;
}

bool IsPrefix(const Path& a, const Path& b) {
  return a.size() <= b.size() && std::equal(a.begin(), a.end(), b.begin());
}

}  // namespace

absl::Status Update::AddStep(std::string_view op, const Element& element) {
  auto step = std::make_unique<Step>();
  step->field = element.name;
  ASSIGN_OR_RETURN(step->path, ParseTarget(element.name));
  ASSIGN_OR_RETURN(step->op, MakeOperator(op, element));
  steps_.push_back(std::move(step));
  if (op != "$rename") return absl::OkStatus();
  // The new name is a place, too: nothing else may touch it.
  auto other = std::make_unique<Step>();
  other->field = element.value.string();
  ASSIGN_OR_RETURN(other->path, ParseTarget(other->field));
  steps_.push_back(std::move(other));
  return absl::OkStatus();
}

absl::Status Update::CheckConflicts() const {
  std::vector<const Step*> sorted;
  for (const auto& step : steps_) sorted.push_back(step.get());
  std::sort(sorted.begin(), sorted.end(),
            [](const Step* a, const Step* b) { return a->path < b->path; });
  // What has a prefix follows it, perhaps behind others that have it, too.
  for (size_t i = 1; i < sorted.size(); ++i) {
    if (!IsPrefix(sorted[i - 1]->path, sorted[i]->path)) continue;
    return Error(ErrorCode::kUpdateConflict, sorted[i]->field, "",
                 "is changed together with '" + sorted[i - 1]->field + "'");
  }
  return absl::OkStatus();
}

absl::StatusOr<Update> Update::Parse(std::string_view document) {
  Update update;
  ElementReader reader(document);
  Element element;
  while (reader.Next(&element)) {
    if (element.name.empty() || element.name[0] != '$') {
      return Error(ErrorCode::kUpdate, element.name, "",
                   "an update is made of operators; to replace a document use ReplaceOne");
    }
    if (!element.value.is(Type::kDocument)) {
      return Error(ErrorCode::kUpdate, element.name, ToText(element.value),
                   "an operator needs a document");
    }
    if (std::find(std::begin(kOperators), std::end(kOperators), element.name) ==
        std::end(kOperators)) {
      return Error(ErrorCode::kUpdate, element.name, "", "no such operator");
    }
    ElementReader fields(element.value);
    Element field;
    while (fields.Next(&field)) RETURN_IF_ERROR(update.AddStep(element.name, field));
  }
  RETURN_IF_ERROR(update.CheckConflicts());
  return update;
}

absl::StatusOr<Document> Update::Apply(const Document& document,
                                       const UpdateContext& context) const {
  TreeNode root(document.ref());
  for (const auto& step : steps_) {
    if (step->op == nullptr) continue;  // the other end of a $rename
    RETURN_IF_ERROR(step->op->Apply({root, step->field, step->path, context}));
  }
  return Document::FromBytes(std::string(root.ToValue().ref().bytes));
}

namespace {

absl::Status AddSeed(const std::vector<FilterNode>& conditions, TreeNode& root) {
  for (const FilterNode& node : conditions) {
    if (node.op == FilterOp::kAnd) {
      RETURN_IF_ERROR(AddSeed(node.children, root));
      continue;
    }
    const bool one_of_one =
        node.op == FilterOp::kIn && node.list.size() == 1 && node.regexes.empty();
    if (node.op != FilterOp::kEq && !one_of_one) continue;
    if (FindNode(root, node.path) != nullptr) {
      return Error(ErrorCode::kUpdate, node.field, "",
                   "the filter says twice what an upsert puts there");
    }
    auto made = MakeNode(root, node.path, node.field);
    if (!made.ok())
      return Error(ErrorCode::kUpdate, node.field, "",
                   "the filter's equalities contradict each other");
    (*made)->Set(one_of_one ? node.list[0] : node.operand);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Document> UpsertSeed(const Filter& filter) {
  const Document empty;
  TreeNode root(empty.ref());
  RETURN_IF_ERROR(AddSeed(filter.conjuncts(), root));
  return Document::FromBytes(std::string(root.ToValue().ref().bytes));
}

}  // namespace lockstep::docs
