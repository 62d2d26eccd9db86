#include "cli/docs_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/docs_hub.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "framework/base/status_macros.h"

namespace lockstep::cli {
namespace {

constexpr char kFooter[] = R"(
Examples:
  lockstep docs init data/memory
  lockstep docs import data/memory facts facts.jsonl
  lockstep docs index data/memory facts '{"text": "text"}'
  lockstep docs find data/memory facts '{"$text": {"$search": "green tea"}}' --limit 5
  lockstep docs export data/memory facts -o facts.jsonl
  lockstep docs doctor data/memory

A sealed store needs its passphrase: --passphrase-file FILE (its first line; - is standard input) or
the variable LOCKSTEP_DOCS_PASSPHRASE. It is never an argument, which others could see.

Exit status: 0 done; 1 tried without success, or doctor found damage; 2 the command line or the data
given make no sense.)";

constexpr int64_t kProgressPauseMs = 200;

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

void AddDocsDirectory(CLI::App& app, DocsFlags& flags) {
  app.add_option("DIR", flags.directory, "The store's directory")->required();
  app.add_option("--passphrase-file", flags.passphrase_file,
                 "Where the passphrase of a sealed store is (-: standard input)");
}

void AddDocsFormat(CLI::App& app, DocsFlags& flags, std::vector<std::string> formats) {
  flags.format = formats[0];
  app.add_option("-w,--write-out", flags.format, "How to print")
      ->check(CLI::IsMember(std::move(formats)))
      ->capture_default_str();
}

absl::StatusOr<std::string> ReadFirstLine(const std::string& file) {
  std::string line;
  if (file == "-") {
    std::getline(std::cin, line);
  } else {
    std::ifstream in(file);
    if (!in) return absl::InvalidArgumentError(file + ": cannot be read");
    std::getline(in, line);
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

absl::StatusOr<std::string> ReadPassphrase(const std::string& file) {
  ASSIGN_OR_RETURN(std::string line, ReadFirstLine(file));
  if (line.empty()) return absl::InvalidArgumentError(file + ": no passphrase in its first line");
  return line;
}

absl::StatusOr<docs::BlockingOptions> DocsOptionsOf(const DocsFlags& flags) {
  docs::BlockingOptions options;
  options.ignores_log = flags.ignores_log;
  if (!flags.passphrase_file.empty()) {
    absl::StatusOr<std::string> passphrase = ReadPassphrase(flags.passphrase_file);
    if (!passphrase.ok()) return passphrase.status();
    options.passphrase = *std::move(passphrase);
  } else if (const char* const variable = std::getenv("LOCKSTEP_DOCS_PASSPHRASE")) {
    options.passphrase = variable;
  }
  return options;
}

int FinishDocs(const char* what, const absl::Status& status) {
  if (status.ok()) return kExitOk;
  PrintError(absl::StrCat("docs ", what), std::string(status.message()));
  return absl::IsInvalidArgument(status) ? kExitUsage : kExitFailed;
}

absl::StatusOr<docs::Document> ParseJsonFlag(const char* flag, const std::string& json) {
  if (json.empty()) return docs::Document();
  absl::StatusOr<docs::Document> document = docs::FromJson(json);
  if (document.ok()) return document;
  return absl::InvalidArgumentError(absl::StrCat(flag, ": ", document.status().message()));
}

DocsProgress::DocsProgress(std::string verb, std::string noun)
    : verb_(std::move(verb)),
      noun_(std::move(noun)),
      visible_(isatty(STDERR_FILENO) != 0),
      shown_ms_(NowMs()) {}

DocsProgress::~DocsProgress() {
  if (any_) std::fputs("\r\033[K", stderr);
}

void DocsProgress::Show(uint64_t done, int share) {
  if (!visible_ || NowMs() - shown_ms_ < kProgressPauseMs) return;
  shown_ms_ = NowMs();
  any_ = true;
  std::string line = absl::StrCat("\r\033[K", verb_, " ", done, " ", noun_);
  if (share >= 0) {
    const auto filled = static_cast<size_t>(share * 30 / 100);
    absl::StrAppend(&line, "  [", std::string(filled, '#'), std::string(30 - filled, '.'), "] ",
                    share, " %");
  }
  std::fputs(line.c_str(), stderr);
}

std::vector<Command> AddDocs(CLI::App& root) {
  CLI::App* const app = root.add_subcommand("docs", "A store of documents: fill, ask, verify");
  app->require_subcommand(1);
  app->footer(kFooter);
  std::vector<Command> commands = AddDocsReaders(*app);
  for (Command& command : AddDocsWriters(*app)) commands.push_back(std::move(command));
  for (Command& command : AddDocsHub(*app)) commands.push_back(std::move(command));
  return commands;
}

}  // namespace lockstep::cli
