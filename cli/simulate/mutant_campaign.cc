// PrintMutantTable: the campaign behind the table of planted bugs.
#include <boost/json.hpp>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/simulate/investigation.h"
#include "cli/simulate/mutant_table.h"
#include "cli/simulate/seed_pool.h"
#include "framework/base/status_macros.h"

namespace lockstep::cli {
namespace {

namespace json = boost::json;

// Repeats begin this many seeds apart.
constexpr uint64_t kRepeatSeeds = 1'000'000;

// One bug, hunted once.
struct Attempt final {
  bool found = false;
  uint64_t seeds = 0;  // that were needed, or tried in vain
  double cpu_seconds = 0;
  std::string oracle;
  uint64_t entries = 0;  // of the failing tape, and of the shrunk one; zero: not shrunk
  uint64_t entries_shrunk = 0;
};

using Attempts = std::map<std::pair<std::string, uint64_t>, Attempt>;  // by bug and repeat

std::string ToLine(const std::string& bug, uint64_t repeat, const Attempt& attempt) {
  const json::object line{{"bug", bug},
                          {"repeat", repeat},
                          {"found", attempt.found},
                          {"seeds", attempt.seeds},
                          {"cpu_seconds", attempt.cpu_seconds},
                          {"oracle", attempt.oracle},
                          {"entries", attempt.entries},
                          {"entries_shrunk", attempt.entries_shrunk}};
  return json::serialize(line) + "\n";
}

// Lines that are none (a write that was cut short) are done again.
Attempts LoadState(const std::string& path) {
  Attempts attempts;
  std::ifstream file(path);
  std::string text;
  while (std::getline(file, text)) {
    json::error_code error;
    const json::value parsed = json::parse(text, error);
    if (error || !parsed.is_object() || !parsed.as_object().contains("entries_shrunk")) continue;
    const json::object& line = parsed.as_object();
    Attempt& attempt = attempts[{json::value_to<std::string>(line.at("bug")),
                                 line.at("repeat").to_number<uint64_t>()}];
    attempt.found = line.at("found").as_bool();
    attempt.seeds = line.at("seeds").to_number<uint64_t>();
    attempt.cpu_seconds = line.at("cpu_seconds").to_number<double>();
    attempt.oracle = json::value_to<std::string>(line.at("oracle"));
    attempt.entries = line.at("entries").to_number<uint64_t>();
    attempt.entries_shrunk = line.at("entries_shrunk").to_number<uint64_t>();
  }
  return attempts;
}

// Whether a seed fails without any bug planted, in which case it says nothing about one.
class Control final {
 public:
  explicit Control(const sim::RunOptions& run) : run_(run) {}

  bool Fails(uint64_t seed) {
    const auto known = fails_.find(seed);
    if (known != fails_.end()) return known->second;
    bool failed = false;
    RunRanges({SeedRange{seed, 1, seed + 1, mutant::Id::kNone}}, 1, run_,
              [&](const SeedRange&, const sim::RunResult& result) {
                failed = result.violation.has_value();
                return false;
              });
    return fails_[seed] = failed;
  }

 private:
  const sim::RunOptions& run_;
  std::map<uint64_t, bool> fails_;
};

class Campaign final {
 public:
  // `attempts`: what is in it is not done again; what is done is added.
  Campaign(const std::vector<MutantInfo>& mutants, const MutantTableOptions& options,
           const sim::RunOptions& run, Attempts& attempts)
      : mutants_(mutants), options_(options), run_(run), control_(run), attempts_(attempts) {}

  void Run() {
    std::vector<SeedRange> ranges;
    for (uint64_t repeat = 0; repeat < options_.repeats; ++repeat) {
      for (const MutantInfo& info : mutants_) {
        if (attempts_.contains({info.name, repeat})) continue;
        const uint64_t first = options_.first_seed + repeat * kRepeatSeeds;
        ranges.push_back({first, 1, first + options_.seeds_max, info.id});
      }
    }
    RunRanges(ranges, options_.jobs, run_,
              [this](const SeedRange& range, const sim::RunResult& result) {
                return Take(range, result);
              });
  }

 private:
  bool Take(const SeedRange& range, const sim::RunResult& result) {
    const MutantInfo* info = nullptr;
    for (const MutantInfo& one : mutants_) {
      if (one.id == range.mutant) info = &one;
    }
    const uint64_t repeat = (result.seed - options_.first_seed) / kRepeatSeeds;
    const std::pair<std::string, uint64_t> name(info->name, repeat);
    Attempt& attempt = running_[name];
    ++attempt.seeds;
    attempt.cpu_seconds += std::chrono::duration<double>(result.cpu).count();
    attempt.found = result.violation && !control_.Fails(result.seed);
    const bool over = attempt.found || attempt.seeds == options_.seeds_max ||
                      attempt.cpu_seconds >= static_cast<double>(options_.cpu_max / Seconds(1));
    if (!over) return true;
    if (attempt.found) {
      attempt.oracle = result.violation->oracle;
      if (repeat == 0) Shrink(*info, result.seed, attempt);
    }
    std::printf("%-4s #%llu  %-52s %s after %llu seeds, %.1f s CPU  %s\n", info->name,
                static_cast<unsigned long long>(repeat + 1), info->breaks,
                attempt.found ? "found" : "NOT FOUND",
                static_cast<unsigned long long>(attempt.seeds), attempt.cpu_seconds,
                attempt.oracle.c_str());
    std::fflush(stdout);
    if (!options_.state.empty()) {
      std::ofstream(options_.state, std::ios::app) << ToLine(info->name, repeat, attempt);
    }
    attempts_[name] = attempt;
    return false;
  }

  void Shrink(const MutantInfo& info, uint64_t seed, Attempt& attempt) const {
    if (options_.shrink_cpu == Duration(0)) return;
    InvestigationOptions how;
    how.universe = options_.universe;
    how.mutant = info.name;
    how.jobs = options_.jobs;
    how.shrink_cpu = options_.shrink_cpu;
    how.report = false;
    how.directory.clear();
    const auto finding = Investigate(seed, nullptr, how, run_);
    if (!finding) return;
    attempt.entries = finding->entries_first;
    attempt.entries_shrunk = finding->shrunk.tape.entries.size();
  }

  const std::vector<MutantInfo>& mutants_;
  const MutantTableOptions& options_;
  const sim::RunOptions& run_;
  Control control_;
  Attempts& attempts_;
  Attempts running_;
};

// What the attempts at one bug come to.
struct Row final {
  size_t found = 0;
  size_t attempts = 0;
  double seeds = 0;  // geometric mean of those that found it
  double cpu_seconds = 0;
  std::string oracles;
  std::string tape;
};

Row RowOf(const std::string& bug, const Attempts& attempts) {
  Row row;
  double log_seeds = 0;
  double log_cpu = 0;
  for (const auto& [name, attempt] : attempts) {
    if (name.first != bug) continue;
    ++row.attempts;
    if (!attempt.found) continue;
    ++row.found;
    log_seeds += std::log(static_cast<double>(attempt.seeds));
    log_cpu += std::log(std::max(0.01, attempt.cpu_seconds));
    if (row.oracles.find(attempt.oracle) == std::string::npos) {
      absl::StrAppend(&row.oracles, row.oracles.empty() ? "" : ", ", attempt.oracle);
    }
    if (attempt.entries_shrunk > 0) {
      row.tape = absl::StrCat(attempt.entries_shrunk, " of ", attempt.entries);
    }
  }
  if (row.found > 0) {
    row.seeds = std::exp(log_seeds / static_cast<double>(row.found));
    row.cpu_seconds = std::exp(log_cpu / static_cast<double>(row.found));
  }
  return row;
}

std::string Markdown(const std::vector<MutantInfo>& mutants, const MutantTableOptions& options,
                     const Attempts& attempts) {
  std::string text = absl::StrFormat(
      "# Planted bugs\n\nWritten by `lockstep sim --mutants%s --markdown FILE`: each bug is hunted "
      "%d times, from other seeds, for up to\n%d seeds or %d s of processor time. Seeds and CPU "
      "are "
      "geometric means over the attempts that found it; the tape is the\nfirst failure's, "
      "shrunk.\n\n"
      "| Bug | What it breaks | Profile | Found | Seeds | CPU s | Oracle | Tape entries |\n"
      "|---|---|---|---|---|---|---|---|\n",
      options.universe.is_short ? " --short" : "", options.repeats, options.seeds_max,
      options.cpu_max / Seconds(1));
  size_t found = 0;
  for (const MutantInfo& info : mutants) {
    const Row row = RowOf(info.name, attempts);
    found += row.found > 0 ? 1 : 0;
    absl::StrAppendFormat(&text, "| %s | %s | %s | %d of %d | ", info.name, info.breaks,
                          info.profile, row.found, row.attempts);
    if (row.found == 0) {
      absl::StrAppend(&text, "| | | |\n");
      continue;
    }
    absl::StrAppendFormat(&text, "%.1f | %.1f | %s | %s |\n", row.seeds, row.cpu_seconds,
                          row.oracles, row.tape);
  }
  absl::StrAppendFormat(&text, "\n%d of %d bugs were found.\n", found, mutants.size());
  return text;
}

}  // namespace

absl::StatusOr<size_t> PrintMutantTable(const std::vector<MutantInfo>& mutants,
                                        const MutantTableOptions& options) {
  Attempts attempts;
  if (!options.state.empty()) attempts = LoadState(options.state);
  std::map<std::string, std::vector<MutantInfo>> by_profile;
  const std::string& asked = options.universe.profile;
  for (const MutantInfo& info : mutants) {
    by_profile[asked == UniverseOptions().profile ? info.profile : asked].push_back(info);
  }
  for (const auto& [profile, bugs] : by_profile) {
    MutantTableOptions with_profile = options;
    with_profile.universe.profile = profile;
    ASSIGN_OR_RETURN(const sim::RunOptions run, MakeRunOptions(with_profile.universe));
    Campaign(bugs, with_profile, run, attempts).Run();
  }
  const std::string text = Markdown(mutants, options, attempts);
  std::printf("\n%s", text.c_str());
  if (!options.markdown.empty()) std::ofstream(options.markdown) << text;
  size_t missed = 0;
  for (const MutantInfo& info : mutants) {
    missed += RowOf(info.name, attempts).found == 0 ? 1 : 0;
  }
  std::printf("%zu of %zu planted bugs found within %llu seeds each\n", mutants.size() - missed,
              mutants.size(), static_cast<unsigned long long>(options.seeds_max));
  return missed;
}

}  // namespace lockstep::cli
