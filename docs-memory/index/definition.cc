#include "docs-memory/index/definition.h"

#include <utility>

#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {

namespace {

bool AsksForText(const Document& fields) {
  ElementReader reader(fields.view());
  Element element;
  while (reader.Next(&element)) {
    if (!element.value.is(Type::kString) || element.value.string() != "text") return false;
  }
  return !fields.empty();
}

// The same fields with an order, which a sort can be made of.
Document Ascending(const Document& fields) {
  std::string bytes;
  Writer writer(bytes);
  ElementReader reader(fields.view());
  Element element;
  while (reader.Next(&element)) writer.Append(element.name, Value(1));
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

absl::Status CheckOptions(const IndexDefinition& index) {
  for (size_t i = 0; i < index.fields.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (index.fields[i].field == index.fields[j].field) {
        return Error(ErrorCode::kIndex, index.fields[i].field, "", "the field is there twice");
      }
    }
  }
  const IndexOptions& options = index.options;
  if (index.is_text && (options.unique || options.sparse || options.expire_after_seconds)) {
    return Error(ErrorCode::kIndex, "", "text", "an index of words has no other properties");
  }
  if (!index.is_text && !options.words.is_plain())
    return Error(ErrorCode::kIndex, "", "", "forms of words are those of an index of words");
  if (options.expire_after_seconds &&
      (index.fields.size() != 1 || *options.expire_after_seconds < 0)) {
    return Error(ErrorCode::kIndex, "", "",
                 "documents expire by one field and after at least 0 seconds");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<IndexDefinition> IndexDefinition::Make(const Document& fields,
                                                      const IndexOptions& options) {
  IndexDefinition index;
  index.is_text = AsksForText(fields);
  auto spec = SortSpec::Parse((index.is_text ? Ascending(fields) : fields).view());
  if (!spec.ok() || spec->empty()) {
    return Error(ErrorCode::kIndex, "", ToText(fields.ref()),
                 "an index needs one to eight {field: 1 or -1}, or {field: \"text\"}");
  }
  index.fields = spec->fields();
  index.options = options;
  RETURN_IF_ERROR(CheckOptions(index));
  if (index.options.name.empty()) {
    for (const SortField& field : index.fields) {
      if (!index.options.name.empty()) index.options.name += '_';
      index.options.name += field.field;
      index.options.name += index.is_text ? "_text" : field.ascending ? "_1" : "_-1";
    }
  }
  return index;
}

std::vector<Path> IndexDefinition::Paths() const {
  std::vector<Path> paths;
  for (const SortField& field : fields) paths.push_back(field.path);
  return paths;
}

Document IndexDefinition::Describe() const {
  std::string bytes;
  Writer writer(bytes);
  writer.AppendString("name", options.name);
  const size_t inner = writer.Begin("fields", Type::kDocument);
  for (const SortField& field : fields) writer.Append(field.field, Value(field.ascending ? 1 : -1));
  writer.End(inner);
  writer.AppendInt64("id", id);
  writer.AppendBool("text", is_text);
  writer.AppendBool("unique", options.unique);
  writer.AppendBool("sparse", options.sparse);
  if (options.expire_after_seconds)
    writer.AppendInt64("expire_after_seconds", *options.expire_after_seconds);
  if (options.words.is_stemmed) writer.AppendString("language", "english");
  if (options.words.is_folded) writer.AppendBool("fold_accents", true);
  writer.AppendInt64("state", static_cast<int64_t>(state));
  writer.AppendBool("multikey", multikey);
  writer.Append("cursor", Value::Binary(0, build_cursor));
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

IndexDefinition IndexDefinition::FromDocument(std::string_view document) {
  IndexDefinition index;
  const auto spec = SortSpec::Parse(FindField(document, "fields")->bytes);
  CHECK_OK(spec.status());
  index.fields = spec->fields();
  index.options.name = FindField(document, "name")->string();
  index.id = static_cast<uint32_t>(FindField(document, "id")->int64());
  if (const auto text = FindField(document, "text")) index.is_text = text->boolean();
  index.options.unique = FindField(document, "unique")->boolean();
  index.options.sparse = FindField(document, "sparse")->boolean();
  if (const auto after = FindField(document, "expire_after_seconds"))
    index.options.expire_after_seconds = after->int64();
  index.options.words.is_stemmed = FindField(document, "language").has_value();
  index.options.words.is_folded = FindField(document, "fold_accents").has_value();
  index.state = static_cast<IndexState>(FindField(document, "state")->int64());
  index.multikey = FindField(document, "multikey")->boolean();
  index.build_cursor = FindField(document, "cursor")->bytes.substr(5);
  return index;
}

}  // namespace lockstep::docs
