#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "checkers/check_file.h"
#include "cli/command.h"
#include "cli/table.h"

namespace lockstep::cli {
namespace {

using checkers::CheckReport;
using checkers::Verdict;

constexpr char kFooter[] = R"(
Formats: JSON Lines (operations as the simulator's clients write them, or events of a document
store), Jepsen's EDN, Jepsen's log lines, and the key-value text of Porcupine's tests. Without --model,
the functions in the file choose it.

Examples:
  lockstep check history.edn
  lockstep check etcd_002.log --model register -w json
  lockstep check append.edn --isolation snapshot-isolation --html append.html

Exit status: 0 the history keeps the promise; 1 it breaks it; 2 the command line or the file makes
no sense; 4 the limits were reached first: neither proven nor refuted.)";

struct CheckFlags final {
  std::string file;
  std::string format = "table";
  std::string page;  // "": none
  std::string isolation = checkers::Name(checkers::Isolation::kStrict);
  checkers::CheckOptions options;
};

struct Measured final {
  double milliseconds = 0;
  int64_t peak_bytes = 0;  // of the process
};

// The largest resident size that this process had.
int64_t PeakBytes() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    int64_t kibibytes = 0;
    if (line.rfind("VmHWM:", 0) != 0) continue;
    const size_t digits = line.find_first_of("0123456789");
    const size_t end = line.find(" kB");
    if (digits == std::string::npos || end == std::string::npos) return 0;
    return absl::SimpleAtoi(line.substr(digits, end - digits), &kibibytes) ? kibibytes * 1024 : 0;
  }
  return 0;
}

std::string AsTable(const CheckFlags& flags, const CheckReport& report, const Measured& measured) {
  std::string text = FormatTable(
      {"FILE", "FORMAT", "MODEL", "OPERATIONS", "UNKNOWN", "VERDICT", "TIME", "MEMORY"},
      {{flags.file, report.format, report.model, absl::StrCat(report.operations),
        absl::StrCat(report.unknown_outcomes), checkers::Name(report.verdict),
        absl::StrFormat("%.2f ms", measured.milliseconds), FormatBytes(measured.peak_bytes)}});
  for (const checkers::Violation& violation : report.violations) {
    const std::string where = violation.where.empty() ? "" : " (" + violation.where + ")";
    absl::StrAppend(&text, "\n", violation.oracle, where, ": ", violation.verdict, "\n");
  }
  return text;
}

std::string AsJson(const CheckFlags& flags, const CheckReport& report, const Measured& measured) {
  boost::json::array violations;
  for (const checkers::Violation& violation : report.violations) {
    violations.push_back(
        {{"oracle", violation.oracle}, {"where", violation.where}, {"verdict", violation.verdict}});
  }
  const boost::json::object json{{"file", flags.file},
                                 {"format", report.format},
                                 {"model", report.model},
                                 {"operations", report.operations},
                                 {"unknown_outcomes", report.unknown_outcomes},
                                 {"verdict", checkers::Name(report.verdict)},
                                 {"violations", std::move(violations)},
                                 {"milliseconds", measured.milliseconds},
                                 {"peak_bytes", measured.peak_bytes}};
  return absl::StrCat(boost::json::serialize(json), "\n");
}

bool WritePage(const CheckFlags& flags, const CheckReport& report) {
  checkers::HistoryPage page;
  page.title = absl::StrCat(flags.file, ": ", checkers::Name(report.verdict));
  page.subtitle = absl::StrCat(report.operations, " operations, ", report.unknown_outcomes,
                               " of unknown outcome; model ", report.model);
  page.sections = report.sections;
  std::ofstream out(flags.page, std::ios::binary);
  out << checkers::WriteHistoryPage(page);
  out.flush();
  if (!out) PrintError("check", absl::StrCat(flags.page, ": cannot be written"));
  return out.good();
}

int RunCheck(const CheckFlags& flags) {
  std::ifstream in(flags.file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf() || in.peek() == EOF)) {
    PrintError("check", absl::StrCat(flags.file, ": cannot be read"));
    return kExitUsage;
  }
  checkers::CheckOptions options = flags.options;
  options.isolation = *checkers::IsolationNamed(flags.isolation);
  const auto start = std::chrono::steady_clock::now();
  const auto report = checkers::CheckFileText(std::move(text).str(), options);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  if (!report.ok()) {
    const std::string message(report.status().message());
    PrintError("check", absl::IsNotFound(report.status())
                            ? message
                            : absl::StrCat(flags.file, ": ", message));
    return kExitUsage;
  }
  const Measured measured = {took.count(), PeakBytes()};
  const std::string out =
      flags.format == "json" ? AsJson(flags, *report, measured) : AsTable(flags, *report, measured);
  std::fwrite(out.data(), 1, out.size(), stdout);
  if (!flags.page.empty() && !WritePage(flags, *report)) return kExitUsage;
  if (report->verdict == Verdict::kUnknown) return kExitUndecided;
  return report->verdict == Verdict::kOk ? kExitOk : kExitFailed;
}

std::string ModelTable() {
  std::string table;
  for (const checkers::ModelInfo& model : checkers::KnownModels()) {
    absl::StrAppend(
        &table, absl::StrFormat("  %-15s %s (%s)\n", model.name, model.summary, model.functions));
  }
  return table;
}

}  // namespace

Command AddCheck(CLI::App& root) {
  CLI::App* const app = root.add_subcommand("check", "Judge a recorded history of clients");
  auto flags = std::make_shared<CheckFlags>();
  app->add_option("FILE", flags->file, "The history")->required();
  app->add_option("--model", flags->options.model, "What the clients talked to");
  app->add_option("--isolation", flags->isolation, "What transactions were promised")
      ->check(CLI::IsMember(checkers::IsolationNames()))
      ->capture_default_str();
  app->add_option("-w,--write-out", flags->format, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app->add_option("--html", flags->page,
                  "Write what cannot be explained as a page to look at (an empty one if all can)");
  app->footer(absl::StrCat("\nModels, with the functions by which they are known:\n", ModelTable(),
                           kFooter));
  return {app, [flags] { return RunCheck(*flags); }};
}

}  // namespace lockstep::cli
