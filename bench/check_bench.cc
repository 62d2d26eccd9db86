// What the checkers cost: on histories of a million operations, made up in memory; or, given a
// directory of recorded histories and their expected.tsv, on each of them.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "checkers/formats/recorded_history.h"
#include "checkers/linearizability.h"
#include "checkers/models/register.h"
#include "checkers/models/string_store.h"
#include "checkers/register_zones.h"
#include "checkers/revision_certificate.h"
#include "checkers/string_versions.h"
#include "checkers/transactions/transactions.h"
#include "framework/base/random.h"

namespace lockstep::bench {
namespace {

using base::SequentialRandom;
using checkers::Outcome;
using checkers::Txn;
using checkers::TxnHistory;
using checkers::TxnOp;

// The largest resident size so far, in megabytes.
double PeakMegabytes() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stod(line.substr(6)) * 1024 / 1e6;
  }
  return 0;
}

// Runs it five times; prints the median of its CPU time (one thread; others may run beside) and
// what memory it took beyond the history.
void Measure(const std::string& name, size_t operations, const std::function<std::string()>& run) {
  const double before = PeakMegabytes();
  std::vector<double> times;
  std::string verdict;
  for (int i = 0; i < 5; ++i) {
    const std::clock_t start = std::clock();
    verdict = run();
    times.push_back(static_cast<double>(std::clock() - start) * 1e3 / CLOCKS_PER_SEC);
  }
  std::sort(times.begin(), times.end());
  std::printf("%-38s %9zu operations %9.1f ms (%.1f to %.1f) %7.0f MB + %5.0f MB  %s\n",
              name.c_str(), operations, times[2], times.front(), times.back(), before,
              PeakMegabytes() - before, verdict.c_str());
  std::fflush(stdout);
}

// Transactions of one to four operations on ten keys that change; each takes effect at an instant
// of its own, so the history is strictly serializable.
class TxnGenerator final {
 public:
  TxnGenerator(uint32_t txns, uint32_t clients, bool appends)
      : random_(7), txns_(txns), clients_(clients) {
    history_.workload =
        appends ? checkers::TxnWorkload::kListAppend : checkers::TxnWorkload::kRegister;
    for (uint32_t& key : active_) key = NewKey();
  }

  TxnHistory Run() {
    for (uint32_t i = 0; i < txns_; ++i) AddTxn(i);
    Overlap();
    history_.keys = static_cast<uint32_t>(lists_.size());
    return std::move(history_);
  }

 private:
  static constexpr size_t kListMax = 32;

  uint32_t NewKey() {
    lists_.emplace_back();
    return static_cast<uint32_t>(lists_.size() - 1);
  }

  void AddTxn(uint32_t i) {
    Txn txn;
    txn.client = i % clients_;
    txn.outcome = random_.Below(200) == 0   ? Outcome::kFailed
                  : random_.Below(200) == 0 ? Outcome::kUnknown
                                            : Outcome::kOk;
    txn.ops_begin = static_cast<uint32_t>(history_.ops.size());
    for (uint64_t left = 1 + random_.Below(4); left > 0; --left) AddOp(txn);
    txn.ops_end = static_cast<uint32_t>(history_.ops.size());
    history_.txns.push_back(txn);
    for (uint32_t& key : active_) {
      if (lists_[key].size() > kListMax) key = NewKey();
    }
  }

  void AddOp(const Txn& txn) {
    TxnOp op;
    op.key = active_[random_.Below(10)];
    std::vector<int64_t>& list = lists_[op.key];
    if (random_.Below(2) == 0) {
      op.kind = TxnOp::Kind::kWrite;
      op.value = ++next_value_;
      if (txn.outcome != Outcome::kFailed) list.push_back(op.value);
    } else if (txn.outcome != Outcome::kOk) {
      return;
    } else if (history_.workload == checkers::TxnWorkload::kRegister) {
      op.value = list.empty() ? TxnOp::kNothing : list.back();
    } else {
      op.begin = static_cast<uint32_t>(history_.elements.size());
      op.length = static_cast<uint32_t>(list.size());
      history_.elements.insert(history_.elements.end(), list.begin(), list.end());
    }
    history_.ops.push_back(op);
  }

  // Transaction i takes effect at i * clients; each client has one at a time.
  void Overlap() {
    for (size_t i = 0; i < history_.txns.size(); ++i) {
      const auto center = static_cast<int64_t>(i) * 100;
      const auto reach = static_cast<uint64_t>(clients_) * 45;
      Txn& txn = history_.txns[i];
      txn.call = center - static_cast<int64_t>(random_.Below(reach));
      txn.returned = txn.outcome == Outcome::kUnknown
                         ? Txn::kNever
                         : center + 1 + static_cast<int64_t>(random_.Below(reach));
    }
  }

  SequentialRandom random_;
  const uint32_t txns_;
  const uint32_t clients_;
  int64_t next_value_ = 0;
  TxnHistory history_;
  std::vector<std::vector<int64_t>> lists_;
  uint32_t active_[10] = {};
};

void BenchTransactions(bool appends, uint32_t clients) {
  const TxnHistory history = TxnGenerator(1'000'000, clients, appends).Run();
  Measure(std::string(appends ? "list-append, " : "rw-register, ") + std::to_string(clients) +
              " clients",
          history.txns.size(), [&] {
            const checkers::TxnResult result = checkers::CheckTransactions(history);
            return std::string(result.verdict == checkers::Verdict::kOk ? "ok" : "violation") +
                   ", " + std::to_string(result.edges) + " edges, " +
                   std::to_string(history.elements.size()) + " elements read";
          });
}

const char* Word(checkers::Verdict verdict) {
  return verdict == checkers::Verdict::kOk ? "ok" : "not ok";
}

// Closed-loop clients on keys of their choice; operation i takes effect at i * 100.
struct Interval final {
  int64_t call;
  int64_t returned;
};
Interval NextInterval(SequentialRandom& random, int64_t i, uint64_t clients) {
  return {i * 100 - static_cast<int64_t>(random.Below(clients * 45)),
          i * 100 + 1 + static_cast<int64_t>(random.Below(clients * 45))};
}

void BenchRegisters(uint32_t keys) {
  SequentialRandom random(3);
  std::vector<int64_t> values(keys, checkers::kNoValue);
  std::vector<checkers::RegisterOperation> history;
  for (int64_t i = 0; i < 1'000'000; ++i) {
    const Interval at = NextInterval(random, i, 100);
    checkers::RegisterOperation op;
    op.call = at.call;
    op.returned = at.returned;
    op.input.key = static_cast<uint32_t>(random.Below(keys));
    int64_t& value = values[op.input.key];
    if (random.Below(2) == 0) {
      op.input.kind = checkers::RegisterInput::Kind::kWrite;
      op.input.to = value = i;
    } else {
      op.output.value = value;
    }
    history.push_back(op);
  }
  Measure("registers, unique values, " + std::to_string(keys) + " keys", history.size(), [&] {
    return std::string(Word(checkers::CheckRegisters(checkers::RegisterModel(), history).verdict));
  });
}

void BenchRevisions() {
  SequentialRandom random(5);
  std::vector<checkers::KvPair> pairs(1000);
  checkers::KvHistory history;
  int64_t revision = 1;
  for (int64_t i = 0; i < 1'000'000; ++i) {
    const Interval at = NextInterval(random, i, 100);
    const size_t number = random.Below(pairs.size());
    checkers::KvPair& pair = pairs[number];
    const std::string key = "key" + std::to_string(number);
    checkers::KvOperation op{
        static_cast<uint64_t>(i % 100), static_cast<uint64_t>(i), at.call, at.returned, {}, {}};
    op.output.results.resize(1);
    if (random.Below(2) == 0) {
      op.input = checkers::PutRequest(key, "v" + std::to_string(i));
      ++revision;
      pair = {key, op.input.success[0].value, pair.version == 0 ? revision : pair.create_revision,
              revision, pair.version + 1};
    } else {
      op.input = checkers::GetRequest(key);
      if (pair.version > 0) op.output.results[0] = {1, {pair}};
    }
    op.output.revision = revision;
    history.push_back(std::move(op));
  }
  Measure("key-value store with revisions", history.size(), [&] {
    const auto result = checkers::CheckRevisions(history);
    return (result.violation ? "not ok, " : "ok, ") + std::to_string(result.writes) + " writes";
  });
}

std::string TextOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

// The fastest of many rounds, in milliseconds; without reading, and without minimizing.
double CheckRecorded(const checkers::RecordedHistory& recorded, bool is_register) {
  checkers::LinearizabilityLimits limits;
  limits.minimize = false;
  const auto registers =
      is_register ? *checkers::RegisterHistoryOf(recorded) : checkers::RegisterHistory();
  const auto strings =
      is_register ? std::vector<checkers::StringOperation>() : *checkers::StringHistoryOf(recorded);
  double best = 1e9;
  for (int round = 0; round < 30; ++round) {
    const std::clock_t start = std::clock();
    for (int i = 0; i < 10; ++i) {
      if (is_register) {
        checkers::CheckRegisters(registers.model, registers.operations, limits);
      } else {
        checkers::CheckStringStore(checkers::StringModel(), strings, limits);
      }
    }
    best = std::min(best, static_cast<double>(std::clock() - start) * 100 / CLOCKS_PER_SEC);
  }
  return best;
}

// The histories that expected.tsv in a directory lists.
void BenchRecorded(const std::string& directory) {
  std::ifstream list(directory + "/expected.tsv");
  double jepsen = 0;
  for (std::string line; std::getline(list, line);) {
    const std::string name = line.substr(0, line.find('\t'));
    const auto recorded = checkers::ReadRecordedHistory(TextOf(directory + "/" + name));
    if (!recorded.ok()) continue;
    const bool is_register = name.starts_with("jepsen/");
    const double ms = CheckRecorded(*recorded, is_register);
    if (is_register) jepsen += ms;
    std::printf("%-28s %5zu operations %8.4f ms\n", name.c_str(), recorded->operations.size(), ms);
  }
  std::printf("all of jepsen/ %.3f ms\n", jepsen);
}

}  // namespace
}  // namespace lockstep::bench

// check_bench [DIRECTORY | NAME]: all cases, those whose name begins so, or recorded histories.
int main(int argc, char** argv) {
  using namespace lockstep::bench;
  const std::string chosen = argc == 2 ? argv[1] : "";
  if (std::ifstream(chosen + "/expected.tsv")) {
    BenchRecorded(chosen);
    return 0;
  }
  const std::vector<std::pair<std::string, std::function<void()>>> cases = {
      {"registers-1000", [] { BenchRegisters(1'000); }},
      {"registers-1", [] { BenchRegisters(1); }},
      {"revisions", [] { BenchRevisions(); }},
      {"list-append-20", [] { BenchTransactions(true, 20); }},
      {"list-append-100", [] { BenchTransactions(true, 100); }},
      {"rw-register", [] { BenchTransactions(false, 20); }},
  };
  for (const auto& [name, run] : cases) {
    if (name.starts_with(chosen)) run();
  }
}
