// What the commands below `lockstep docs` have in common.
#ifndef LOCKSTEP_CLI_DOCS_COMMAND_H_
#define LOCKSTEP_CLI_DOCS_COMMAND_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/command.h"
#include "docs-memory/blocking/blocking_store.h"

namespace CLI {
class App;
}

namespace lockstep::cli {

// Where a store is and how it is opened.
struct DocsFlags final {
  std::string directory;
  std::string passphrase_file;  // empty: LOCKSTEP_DOCS_PASSPHRASE, if it is set
  std::string format = "table";
  bool ignores_log = false;
};

void AddDocsDirectory(CLI::App& app, DocsFlags& flags);
void AddDocsFormat(CLI::App& app, DocsFlags& flags, std::vector<std::string> formats);
// The first line of a file, without its end; "-" is standard input. INVALID_ARGUMENT.
absl::StatusOr<std::string> ReadFirstLine(const std::string& file);
// The same; INVALID_ARGUMENT also if it is empty.
absl::StatusOr<std::string> ReadPassphrase(const std::string& file);
absl::StatusOr<docs::BlockingOptions> DocsOptionsOf(const DocsFlags& flags);

// Prints what went wrong, if something did. What the user asked for makes no sense: kExitUsage.
int FinishDocs(const char* what, const absl::Status& status);
absl::StatusOr<docs::Document> ParseJsonFlag(const char* flag, const std::string& json);

// "imported 12000 documents" on standard error, now and then, while there is a terminal.
class DocsProgress final {
 public:
  explicit DocsProgress(std::string verb, std::string noun = "documents");
  DocsProgress(const DocsProgress&) = delete;
  DocsProgress& operator=(const DocsProgress&) = delete;
  ~DocsProgress();
  // `share`: of the work, in per cent; negative: nobody knows.
  void Show(uint64_t done, int share);
  bool visible() const { return visible_; }

 private:
  const std::string verb_;
  const std::string noun_;
  const bool visible_;
  int64_t shown_ms_ = 0;
  bool any_ = false;
};

// Commands that only read, and those that write.
std::vector<Command> AddDocsReaders(CLI::App& docs);
std::vector<Command> AddDocsWriters(CLI::App& docs);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_DOCS_COMMAND_H_
