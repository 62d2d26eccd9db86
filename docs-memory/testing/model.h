// What a client knows of its documents.
#ifndef LOCKSTEP_DOCS_MEMORY_TESTING_MODEL_H_
#define LOCKSTEP_DOCS_MEMORY_TESTING_MODEL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "docs-memory/bson/value.h"

namespace lockstep::docs {

// A document of the workload, as plain data.
struct Fact final {
  int64_t count = 0;
  int64_t topic = 0;
  std::vector<int64_t> tags;
  bool operator==(const Fact&) const = default;
};

// The text of every document of that topic, "topic7" in it.
std::string SentenceOf(int64_t topic);
Document ToDocument(const std::string& id, const Fact& fact);
// Nothing if the document is no fact.
std::optional<Fact> FromDocument(const Document& document);
std::string ToText(const std::optional<Fact>& fact);

// All documents of one client.
using Facts = std::map<std::string, Fact>;

// The states that a client's documents may be in. Its writes follow each other, so the store holds
// one of a chain: what is known to be durable, then what is not, in order.
class ClientModel final {
 public:
  // What the last write, if it happened, left behind.
  const Facts& newest() const { return chain_.back(); }
  // A write begins that would lead to these.
  void Begin(Facts next) { chain_.push_back(std::move(next)); }
  // It was acknowledged as durable: so is everything before it.
  void Durable() { chain_.erase(chain_.begin(), chain_.end() - 1); }
  // It was refused, and changed nothing.
  void Refused() { chain_.pop_back(); }
  // After a restart this is what is there; false if it may not be.
  bool Settle(const Facts& found);
  std::string Describe(const Facts& found) const;

 private:
  std::vector<Facts> chain_{Facts()};
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_TESTING_MODEL_H_
