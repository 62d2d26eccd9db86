#include "docs-memory/testing/model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace lockstep::docs {

Document ToDocument(const std::string& id, const Fact& fact) {
  std::string bytes;
  Writer writer(bytes);
  writer.AppendString("_id", id);
  writer.AppendInt64("count", fact.count);
  writer.AppendInt64("topic", fact.topic);
  const size_t tags = writer.Begin("tags", Type::kArray);
  for (size_t i = 0; i < fact.tags.size(); ++i) writer.AppendInt64(std::to_string(i), fact.tags[i]);
  writer.End(tags);
  writer.AppendString("words", SentenceOf(fact.topic));
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

std::string SentenceOf(int64_t topic) { return absl::StrCat("What is known of topic", topic, "."); }

std::optional<Fact> FromDocument(const Document& document) {
  const auto count = document.Find("count");
  const auto topic = document.Find("topic");
  const auto tags = document.Find("tags");
  const auto words = document.Find("words");
  if (!words || !words->is(Type::kString)) return std::nullopt;
  if (!count || !topic || !tags || !count->is(Type::kInt64) || !topic->is(Type::kInt64))
    return std::nullopt;
  Fact fact{count->int64(), topic->int64(), {}};
  if (words->string() != SentenceOf(fact.topic)) return std::nullopt;
  ElementReader reader(*tags);
  Element element;
  while (reader.Next(&element)) fact.tags.push_back(element.value.int64());
  return fact;
}

std::string ToText(const std::optional<Fact>& fact) {
  if (!fact) return "nothing";
  std::string text = absl::StrCat("count ", fact->count, " topic ", fact->topic, " tags");
  for (const int64_t tag : fact->tags) absl::StrAppend(&text, " ", tag);
  return text;
}

bool ClientModel::Settle(const Facts& found) {
  const bool known = std::find(chain_.begin(), chain_.end(), found) != chain_.end();
  chain_ = {found};
  return known;
}

std::string ClientModel::Describe(const Facts& found) const {
  std::string text = absl::StrCat("none of ", chain_.size(), " states that may be;");
  const Facts& durable = chain_.front();
  for (const auto& [id, fact] : durable) {
    const auto there = found.find(id);
    const std::optional<Fact> now =
        there == found.end() ? std::nullopt : std::optional<Fact>(there->second);
    if (now != fact)
      absl::StrAppend(&text, " ", id, " was durable as (", ToText(fact), "), is (", ToText(now),
                      ");");
  }
  for (const auto& [id, fact] : found) {
    if (!durable.contains(id)) absl::StrAppend(&text, " ", id, " is (", ToText(fact), ");");
  }
  return text;
}

}  // namespace lockstep::docs
