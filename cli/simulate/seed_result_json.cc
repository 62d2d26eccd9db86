#include "cli/simulate/seed_result_json.h"

#include <boost/json.hpp>

namespace lockstep::cli {
namespace {

namespace json = boost::json;

constexpr size_t kFaultClasses = static_cast<size_t>(sim::FaultClass::kCount);

json::object FaultsOf(const sim::FaultCounters& counters) {
  json::object faults;
  for (size_t i = 0; i < kFaultClasses; ++i) {
    const auto fault = static_cast<sim::FaultClass>(i);
    faults[std::string(sim::NameOf(fault))] = counters.of(fault);
  }
  return faults;
}

}  // namespace

std::string ToJson(const sim::RunResult& result) {
  json::object line;
  line["seed"] = result.seed;
  line["hash"] = result.hash;
  line["events"] = result.events;
  line["virtual_ns"] = result.virtual_time.count();
  line["invoked"] = result.invoked;
  line["completed"] = result.completed;
  line["applied"] = result.applied;
  line["process_failures"] = result.process_failures;
  line["shards"] = result.shards;
  line["unused_entries"] = result.unused_entries;
  line["double"] = result.is_double;
  line["faults"] = FaultsOf(result.faults);
  json::object& marks = line["marks"].emplace_object();
  for (const auto& [mark, count] : result.marks) marks[mark] = count;
  if (result.violation) {
    line["oracle"] = result.violation->oracle;
    line["verdict"] = result.violation->verdict;
    line["where"] = result.violation->where;
    line["last_events"] = result.last_events;
  }
  return json::serialize(line);
}

std::optional<sim::RunResult> FromJson(const std::string& text) {
  json::error_code error;
  const json::value parsed = json::parse(text, error);
  if (error || !parsed.is_object()) return std::nullopt;
  const json::object& line = parsed.as_object();
  sim::RunResult result;
  const auto number = [&line](const char* name) { return line.at(name).to_number<uint64_t>(); };
  result.seed = number("seed");
  result.hash = number("hash");
  result.events = number("events");
  result.virtual_time = Nanoseconds(line.at("virtual_ns").to_number<int64_t>());
  result.invoked = number("invoked");
  result.completed = number("completed");
  result.applied = number("applied");
  result.process_failures = number("process_failures");
  result.shards = static_cast<uint32_t>(number("shards"));
  result.unused_entries = static_cast<size_t>(number("unused_entries"));
  result.is_double = line.at("double").as_bool();
  for (size_t i = 0; i < kFaultClasses; ++i) {
    const auto fault = static_cast<sim::FaultClass>(i);
    result.faults.Add(fault, line.at("faults").at(sim::NameOf(fault)).to_number<uint64_t>());
  }
  for (const auto& [mark, count] : line.at("marks").as_object()) {
    result.marks[std::string(mark)] = count.to_number<uint64_t>();
  }
  if (line.contains("oracle")) {
    result.violation = checkers::Violation{json::value_to<std::string>(line.at("oracle")),
                                           json::value_to<std::string>(line.at("verdict")),
                                           json::value_to<std::string>(line.at("where"))};
    result.last_events = json::value_to<std::string>(line.at("last_events"));
  }
  return result;
}

}  // namespace lockstep::cli
