#include "cli/simulate/corpus.h"

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "sim/shrink/signature.h"

namespace lockstep::cli {
namespace {

namespace json = boost::json;

constexpr const char* kStateFile = "/hunt.json";

std::string Escaped(const std::string& text) {
  std::string clean;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    clean += byte < 0x20 && c != '\n' && c != '\t' ? '?' : c;
  }
  return absl::StrReplaceAll(clean,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

json::object FailureJson(const HuntFailure& failure) {
  return {{"count", failure.count},     {"seed", failure.seed}, {"verdict", failure.verdict},
          {"command", failure.command}, {"tape", failure.tape}, {"page", failure.page},
          {"text", failure.text}};
}

json::object ToJson(const Corpus& corpus) {
  json::object faults;
  for (const auto& [name, count] : corpus.totals.faults) faults[name] = count;
  json::object marks;
  for (const auto& [name, count] : corpus.totals.marks) marks[name] = count;
  json::object failures;
  for (const auto& [signature, failure] : corpus.failures) {
    failures[signature] = FailureJson(failure);
  }
  const HuntTotals& totals = corpus.totals;
  return {{"universe", corpus.universe},
          {"shard", corpus.shard},
          {"shards", corpus.shards},
          {"first_seed", corpus.first_seed},
          {"next", corpus.next},
          {"ahead", json::value_from(corpus.ahead)},
          {"seeds", totals.seeds},
          {"doubles", totals.doubles},
          {"failed", totals.failed},
          {"events", totals.events},
          {"virtual_ms", totals.virtual_ms},
          {"wall_ms", totals.wall_ms},
          {"faults", std::move(faults)},
          {"marks", std::move(marks)},
          {"failures", std::move(failures)}};
}

// Reads members that must be there; remembers the first that is not.
class Members final {
 public:
  explicit Members(const json::object& object) : object_(object) {}

  uint64_t Number(const char* name) {
    const json::value* value = object_.if_contains(name);
    json::error_code error;
    const uint64_t number = value != nullptr ? value->to_number<uint64_t>(error) : 0;
    if (value == nullptr || error) Miss(absl::StrCat("a number '", name, "'"));
    return number;
  }
  std::string Text(const char* name) {
    const json::value* value = object_.if_contains(name);
    if (value != nullptr && value->is_string()) return std::string(value->as_string());
    Miss(absl::StrCat("a text '", name, "'"));
    return "";
  }
  json::object Object(const char* name) {
    const json::value* value = object_.if_contains(name);
    if (value != nullptr && value->is_object()) return value->as_object();
    Miss(absl::StrCat("an object '", name, "'"));
    return {};
  }
  void Miss(std::string what) {
    if (missing_.empty()) missing_ = std::move(what);
  }
  const std::string& missing() const { return missing_; }

 private:
  const json::object& object_;
  std::string missing_;
};

absl::Status Replace(const std::string& path, const std::string& content) {
  const std::string fresh = path + ".new";
  std::ofstream file(fresh, std::ios::binary);
  file << content;
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(fresh, path, error);
  if (!file || error) return absl::UnavailableError(absl::StrCat(path, " cannot be written"));
  return absl::OkStatus();
}

}  // namespace

bool Corpus::Add(const sim::RunResult& result) {
  const uint64_t number = NumberOf(result.seed);
  if (number < next || !ahead.insert(number).second) return false;
  while (ahead.erase(next) > 0) ++next;
  ++totals.seeds;
  totals.doubles += result.is_double ? 1 : 0;
  totals.events += result.events;
  totals.virtual_ms += static_cast<uint64_t>(result.virtual_time / Milliseconds(1));
  for (size_t i = 0; i < static_cast<size_t>(sim::FaultClass::kCount); ++i) {
    const auto fault = static_cast<sim::FaultClass>(i);
    totals.faults[std::string(sim::NameOf(fault))] += result.faults.of(fault);
  }
  for (const auto& [mark, count] : result.marks) totals.marks[mark] += count;
  if (!result.violation) return true;
  ++totals.failed;
  HuntFailure& failure = failures[sim::SignatureOf(*result.violation)];
  if (failure.count++ == 0) {
    failure.seed = result.seed;
    failure.verdict = result.violation->verdict;
  }
  return true;
}

absl::StatusOr<Corpus> Corpus::Load(const std::string& directory) {
  const std::string path = directory + kStateFile;
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": there is none"));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  json::error_code error;
  const json::value parsed = json::parse(text, error);
  if (error || !parsed.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected a JSON object"));
  }
  Members members(parsed.as_object());
  Corpus corpus;
  corpus.universe = members.Text("universe");
  corpus.shard = members.Number("shard");
  corpus.shards = members.Number("shards");
  corpus.first_seed = members.Number("first_seed");
  corpus.next = members.Number("next");
  HuntTotals& totals = corpus.totals;
  totals.seeds = members.Number("seeds");
  totals.doubles = members.Number("doubles");
  totals.failed = members.Number("failed");
  totals.events = members.Number("events");
  totals.virtual_ms = members.Number("virtual_ms");
  totals.wall_ms = members.Number("wall_ms");
  const json::value* ahead = parsed.as_object().if_contains("ahead");
  if (ahead == nullptr || !ahead->is_array()) {
    members.Miss("a list 'ahead'");
  } else {
    for (const json::value& number : ahead->as_array()) {
      if (number.is_int64()) corpus.ahead.insert(static_cast<uint64_t>(number.as_int64()));
    }
  }
  const auto read_counts = [&members](const char* name, std::map<std::string, uint64_t>& counts) {
    for (const auto& [key, count] : members.Object(name)) {
      if (count.is_int64()) counts[std::string(key)] = static_cast<uint64_t>(count.as_int64());
    }
  };
  read_counts("faults", totals.faults);
  read_counts("marks", totals.marks);
  for (const auto& [signature, value] : members.Object("failures")) {
    if (!value.is_object()) {
      members.Miss("objects in 'failures'");
      break;
    }
    Members one(value.as_object());
    corpus.failures[std::string(signature)] = {
        one.Number("count"), one.Number("seed"), one.Text("verdict"), one.Text("command"),
        one.Text("tape"),    one.Text("page"),   one.Text("text")};
    if (!one.missing().empty()) members.Miss(one.missing());
  }
  if (corpus.shards == 0) members.Miss("a number 'shards' above zero");
  if (members.missing().empty()) return corpus;
  return absl::InvalidArgumentError(absl::StrCat(path, ": expected ", members.missing()));
}

absl::Status Corpus::Save(const std::string& directory) const {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (const absl::Status status =
          Replace(directory + kStateFile, json::serialize(ToJson(*this)) + "\n");
      !status.ok()) {
    return status;
  }
  return Replace(directory + "/junit.xml", JunitXml(*this));
}

void Merge(const Corpus& other, Corpus& into) {
  into.totals.seeds += other.totals.seeds;
  into.totals.doubles += other.totals.doubles;
  into.totals.failed += other.totals.failed;
  into.totals.events += other.totals.events;
  into.totals.virtual_ms += other.totals.virtual_ms;
  into.totals.wall_ms = std::max(into.totals.wall_ms, other.totals.wall_ms);
  for (const auto& [name, count] : other.totals.faults) into.totals.faults[name] += count;
  for (const auto& [name, count] : other.totals.marks) into.totals.marks[name] += count;
  for (const auto& [signature, failure] : other.failures) {
    const auto [at, is_new] = into.failures.emplace(signature, failure);
    if (!is_new) at->second.count += failure.count;
  }
}

std::string JunitXml(const Corpus& corpus) {
  const double seconds = static_cast<double>(corpus.totals.wall_ms) / 1'000;
  std::string xml = absl::StrFormat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuite name=\"lockstep sim hunt\" tests=\"%d\" failures=\"%d\" time=\"%.1f\">\n",
      corpus.failures.size() + 1, corpus.failures.size(), seconds);
  absl::StrAppend(&xml, "  <testcase name=\"", corpus.totals.seeds - corpus.totals.failed,
                  " seeds passed\" classname=\"", Escaped(corpus.universe), "\"/>\n");
  for (const auto& [signature, failure] : corpus.failures) {
    absl::StrAppend(&xml, "  <testcase name=\"", Escaped(signature), "\" classname=\"",
                    Escaped(corpus.universe), "\">\n    <failure message=\"", failure.count,
                    " seeds, first ", failure.seed, ": ", Escaped(failure.verdict), "\">",
                    Escaped(failure.command), "\n", Escaped(failure.text),
                    "</failure>\n  </testcase>\n");
  }
  return xml + "</testsuite>\n";
}

std::string Summary(const Corpus& corpus) {
  const HuntTotals& totals = corpus.totals;
  const double wall = std::max(1.0, static_cast<double>(totals.wall_ms)) / 1'000;
  uint64_t fired = 0;
  for (const auto& [name, count] : totals.faults) fired += count > 0 ? 1 : 0;
  std::string text = absl::StrFormat(
      "%d seeds (%d run twice) in %.0f s: %.1f seeds/s, %.0f events/s, %.0fx real time\n"
      "%d of %d fault classes took effect\n%d seeds failed in %d ways\n",
      totals.seeds, totals.doubles, wall, static_cast<double>(totals.seeds) / wall,
      static_cast<double>(totals.events) / wall,
      static_cast<double>(totals.virtual_ms) / 1'000 / wall, fired, totals.faults.size(),
      totals.failed, corpus.failures.size());
  std::string unreached;
  size_t reached = 0;
  for (const auto& [name, count] : totals.marks) {
    reached += count > 0 ? 1 : 0;
    if (count == 0) absl::StrAppend(&unreached, unreached.empty() ? "; never: " : ", ", name);
  }
  absl::StrAppend(&text, reached, " of ", totals.marks.size(), " marks were reached", unreached,
                  "\n");
  for (const auto& [signature, failure] : corpus.failures) {
    absl::StrAppend(&text, "  ", failure.count, " x ", signature,
                    "\n      first by: ", failure.command, "\n");
    if (!failure.tape.empty()) absl::StrAppend(&text, "      shrunk  : ", failure.tape, "\n");
    if (!failure.page.empty()) absl::StrAppend(&text, "      page    : ", failure.page, "\n");
  }
  return text;
}

}  // namespace lockstep::cli
