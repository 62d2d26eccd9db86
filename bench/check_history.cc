// check_history FILE MODEL SECONDS: one history of bench/vs-porcupine, checked again and again.
// Prints the verdict and the median of the CPU time of a check, in milliseconds, without reading.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "checkers/models/register.h"
#include "checkers/register_zones.h"
#include "checkers/revision_certificate.h"
#include "checkers/string_versions.h"

namespace lockstep::bench {
namespace {

using checkers::LinearizabilityLimits;
using checkers::Verdict;
using Fields = std::vector<std::string>;

// A call and its return, as the words of their lines.
struct Event final {
  int64_t call = 0;
  int64_t returned = 0;
  Fields request;  // c id client kind key [operands]
  Fields answer;   // r id outcome value revision mod create version; empty: unknown
};

int64_t Number(const std::string& text) {
  int64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? number : 0;
}

std::vector<Event> Read(const std::string& path) {
  std::ifstream in(path);
  std::vector<Event> events;
  int64_t now = 0;
  for (std::string line; std::getline(in, line); ++now) {
    Fields fields = absl::StrSplit(line, ' ');
    if (fields[0] == "c") {
      events.push_back({now, 0, std::move(fields), {}});
      continue;
    }
    Event& event = events[static_cast<size_t>(Number(fields[1]))];
    event.returned = now;
    event.answer = std::move(fields);
  }
  return events;
}

template <typename Op>
Op Begin(const Event& event) {
  Op op;
  op.client = static_cast<uint64_t>(Number(event.request[2]));
  op.id = static_cast<uint64_t>(Number(event.request[1]));
  op.call = event.call;
  if (!event.answer.empty()) op.returned = event.returned;
  return op;
}

std::vector<checkers::RegisterOperation> Registers(const std::vector<Event>& events) {
  using Kind = checkers::RegisterInput::Kind;
  std::vector<checkers::RegisterOperation> operations;
  for (const Event& event : events) {
    auto op = Begin<checkers::RegisterOperation>(event);
    const char kind = event.request[3][0];
    op.input.kind = kind == 'r' ? Kind::kRead : kind == 'w' ? Kind::kWrite : Kind::kCas;
    op.input.key = static_cast<uint32_t>(Number(event.request[4]));
    if (kind != 'r') op.input.to = Number(event.request.back());
    if (kind == 'x') op.input.from = Number(event.request[5]);
    if (op.returned) {
      op.output.succeeded = event.answer[2] == "ok";
      op.output.value = event.answer[3] == "-" ? checkers::kNoValue : Number(event.answer[3]);
    }
    operations.push_back(op);
  }
  return operations;
}

std::vector<checkers::StringOperation> Strings(const std::vector<Event>& events) {
  using Kind = checkers::StringInput::Kind;
  std::vector<checkers::StringOperation> operations;
  for (const Event& event : events) {
    auto op = Begin<checkers::StringOperation>(event);
    const char kind = event.request[3][0];
    op.input.kind = kind == 'r' ? Kind::kGet : kind == 'w' ? Kind::kPut : Kind::kAppend;
    op.input.key = event.request[4];
    if (kind != 'r') op.input.value = event.request[5];
    if (op.returned && event.answer[3] != "-") op.output = event.answer[3];
    operations.push_back(std::move(op));
  }
  return operations;
}

checkers::KvHistory Revisions(const std::vector<Event>& events) {
  checkers::KvHistory history;
  for (const Event& event : events) {
    auto op = Begin<checkers::KvOperation>(event);
    const bool is_read = event.request[3] == "r";
    const std::string& key = event.request[4];
    op.input = is_read ? checkers::GetRequest(key) : checkers::PutRequest(key, event.request[5]);
    if (op.returned) {
      op.output.revision = Number(event.answer[4]);
      op.output.results.resize(1);
      if (is_read && event.answer[3] != "-") {
        op.output.results[0] = {1,
                                {{key, event.answer[3], Number(event.answer[6]),
                                  Number(event.answer[5]), Number(event.answer[7])}}};
      }
    }
    history.push_back(std::move(op));
  }
  return history;
}

const char* Word(Verdict verdict) {
  return verdict == Verdict::kOk ? "Ok" : verdict == Verdict::kViolation ? "Illegal" : "Unknown";
}

void Measure(const std::function<Verdict()>& check) {
  std::vector<double> times;
  double total = 0;
  Verdict verdict = Verdict::kUnknown;
  for (int repeat = 0; repeat < 2000 && (repeat == 0 || total < 100); ++repeat) {
    // One look at the clock costs as much as a check of few operations.
    const int inner = total > 0 && total / static_cast<double>(times.size()) < 1 ? 20 : 1;
    const std::clock_t start = std::clock();
    for (int i = 0; i < inner; ++i) verdict = check();
    const double took = static_cast<double>(std::clock() - start) * 1e3 / CLOCKS_PER_SEC;
    total += took;
    times.push_back(took / inner);
  }
  std::sort(times.begin(), times.end());
  std::printf("%s %.5f\n", Word(verdict), times[times.size() / 2]);
}

int Run(const std::string& path, const std::string& model, int64_t seconds) {
  const std::vector<Event> events = Read(path);
  LinearizabilityLimits limits;
  limits.minimize = false;
  limits.configurations_max = 50'000'000;
  limits.frontier_max = 5'000'000;
  limits.bytes_max = size_t{3} << 30;
  std::clock_t start = std::clock();
  limits.stop = [&] { return (std::clock() - start) / CLOCKS_PER_SEC > seconds; };
  if (model == "registers") {
    const auto operations = Registers(events);
    Measure([&] {
      start = std::clock();
      return checkers::CheckRegisters(checkers::RegisterModel(), operations, limits).verdict;
    });
  } else if (model == "strings") {
    const auto operations = Strings(events);
    Measure([&] {
      start = std::clock();
      return checkers::CheckStringStore(checkers::StringModel(), operations, limits).verdict;
    });
  } else if (model == "revisions") {
    const auto history = Revisions(events);
    Measure([&] {
      return checkers::CheckRevisions(history).violation ? Verdict::kViolation : Verdict::kOk;
    });
  } else {
    std::fprintf(stderr, "models: registers, strings, revisions\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace lockstep::bench

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: check_history FILE MODEL SECONDS\n");
    return 2;
  }
  return lockstep::bench::Run(argv[1], argv[2], std::atoll(argv[3]));
}
