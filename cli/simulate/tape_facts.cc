#include "cli/simulate/tape_facts.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/simulate/mutant_table.h"

namespace lockstep::cli {
namespace {

// A number of the options, under its name on a tape.
struct NumberFact final {
  const char* name;
  uint32_t UniverseOptions::*field;
};
constexpr NumberFact kNumbers[] = {
    {"nodes", &UniverseOptions::nodes},
    {"shards", &UniverseOptions::shards},
    {"clients", &UniverseOptions::clients},
    {"rate", &UniverseOptions::operations_per_second},
};

}  // namespace

void AddFacts(const UniverseOptions& universe, const std::string& mutant, sim::Tape& tape) {
  const UniverseOptions usual;
  for (const NumberFact& fact : kNumbers) {
    const uint32_t value = universe.*fact.field;
    if (value != usual.*fact.field) tape.with[fact.name] = absl::StrCat(value);
  }
  if (universe.profile != usual.profile) tape.with["profile"] = universe.profile;
  if (universe.store != usual.store) tape.with["store"] = universe.store;
  if (universe.is_short) tape.with["length"] = "short";
  if (!mutant.empty()) tape.with["mutant"] = mutant;
}

absl::StatusOr<TapeFacts> FactsOf(const sim::Tape& tape) {
  TapeFacts facts;
  const auto text = [&](const char* name, std::string& out) {
    const auto fact = tape.with.find(name);
    if (fact != tape.with.end()) out = fact->second;
  };
  for (const NumberFact& fact : kNumbers) {
    const auto at = tape.with.find(fact.name);
    if (at == tape.with.end()) continue;
    if (!absl::SimpleAtoi(at->second, &(facts.universe.*fact.field))) {
      return absl::InvalidArgumentError(
          absl::StrCat("expected 'with ", fact.name, " N', N a number, found '", at->second, "'"));
    }
  }
  std::string length;
  text("length", length);
  facts.universe.is_short = length == "short";
  text("profile", facts.universe.profile);
  text("store", facts.universe.store);
  text("mutant", facts.mutant);
  text("signature", facts.signature);
  text("hash", facts.hash);
  if (!facts.mutant.empty() && FindMutant(facts.mutant) == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected 'with mutant BUG', a planted bug, found '", facts.mutant, "'"));
  }
  return facts;
}

absl::StatusOr<sim::Tape> ReadTapeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return sim::Tape::Parse(text, path);
}

}  // namespace lockstep::cli
