#include "docs-memory/query/path.h"

#include "docs-memory/bson/compare.h"
#include "docs-memory/bson/error.h"

namespace lockstep::docs {
namespace {

using Visit = absl::FunctionRef<bool(const ValueRef*)>;

bool FromDocument(std::string_view document, const Path& path, size_t at, Visit visit);

// The components from `at` on lead on from `value`.
bool FromValue(ValueRef value, const Path& path, size_t at, Visit visit) {
  if (at == path.size()) return visit(&value);
  if (value.is(Type::kDocument)) return FromDocument(value.bytes, path, at, visit);
  if (!value.is(Type::kArray)) return visit(nullptr);
  const std::optional<size_t> index = ParseArrayIndex(path[at]);
  ElementReader reader(value);
  Element element;
  for (size_t i = 0; reader.Next(&element); ++i) {
    if (index && *index == i) {
      // What the number picks; a scalar in the way leads nowhere, silently.
      const bool leads = at + 1 == path.size() || element.value.is_container();
      if (leads && FromValue(element.value, path, at + 1, visit)) return true;
    }
    if (element.value.is(Type::kDocument)) {
      // With a number, a document that lacks such a field is not what was meant.
      if (index && !FindField(element.value, path[at])) continue;
      if (FromDocument(element.value.bytes, path, at, visit)) return true;
    }
  }
  return false;
}

bool FromDocument(std::string_view document, const Path& path, size_t at, Visit visit) {
  const std::optional<ValueRef> field = FindField(document, path[at]);
  return field ? FromValue(*field, path, at + 1, visit) : visit(nullptr);
}

}  // namespace

absl::StatusOr<Path> ParsePath(std::string_view text) {
  Path path;
  size_t start = 0;
  for (;;) {
    const size_t dot = text.find('.', start);
    const std::string_view component = text.substr(start, dot - start);
    if (component.empty())
      return Error(ErrorCode::kQuery, text, "", "a path may not have empty parts");
    path.emplace_back(component);
    if (path.size() > kPathDepthMax)
      return Error(ErrorCode::kQuery, text, "", "the path is too long");
    if (dot == std::string_view::npos) return path;
    start = dot + 1;
  }
}

bool VisitPath(std::string_view document, const Path& path, Visit visit) {
  return FromDocument(document, path, 0, visit);
}

bool VisitPathAndElements(std::string_view document, const Path& path, Visit visit) {
  return VisitPath(document, path, [&](const ValueRef* value) {
    if (visit(value)) return true;
    if (value == nullptr || !value->is(Type::kArray)) return false;
    ElementReader reader(*value);
    Element element;
    while (reader.Next(&element)) {
      if (visit(&element.value)) return true;
    }
    return false;
  });
}

void AppendSortKey(std::string_view document, const Path& path, bool ascending, std::string& key) {
  std::string best;
  std::string candidate;
  const auto offer = [&](const ValueRef& value) {
    candidate.clear();
    AppendKey(value, candidate);
    if (best.empty() || (ascending ? candidate < best : candidate > best)) best.swap(candidate);
  };
  VisitPath(document, path, [&](const ValueRef* value) {
    if (value == nullptr) {
      offer({Type::kNull, {}});
    } else if (!value->is(Type::kArray)) {
      offer(*value);
    } else if (CountElements(*value) == 0) {
      candidate.clear();
      AppendEmptyArrayKey(candidate);
      if (best.empty() || (ascending ? candidate < best : candidate > best)) best.swap(candidate);
    } else {
      ElementReader reader(*value);
      Element element;
      while (reader.Next(&element)) offer(element.value);
    }
    return false;
  });
  if (best.empty()) AppendKey({Type::kNull, {}}, best);
  const size_t start = key.size();
  key += best;
  if (!ascending) Invert(key, start);
}

}  // namespace lockstep::docs
