// ServeFlags: the flags of `lockstep serve`, from the command line, the environment or a file.
//
// Names, defaults and precedence are etcd's: a flag beats its variable ETCD_UPPER_SNAKE, and a
// configuration file replaces both.
#ifndef LOCKSTEP_CLI_SERVE_FLAGS_H_
#define LOCKSTEP_CLI_SERVE_FLAGS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "kv/node_config.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace lockstep::cli {

struct ServeSettings final {
  kv::NodeSettings node;
  std::string data_dir;  // "": NAME.lockstep
  std::string log_level = "info";
  std::string config_file;
  bool check_config = false;
  // What was given and has no effect here: for one line of the log.
  std::vector<std::string> ignored;
};

// One line of a configuration file, or one variable.
struct FlagValue final {
  std::string name;
  std::string value;
  std::string source;  // "line 3 of node.yml", for messages
};

// Owned by the command; the app keeps pointers into it.
class ServeFlags final {
 public:
  ServeFlags();
  ServeFlags(const ServeFlags&) = delete;
  ServeFlags& operator=(const ServeFlags&) = delete;

  void AddTo(CLI::App& app);
  // After the command line was parsed. INVALID_ARGUMENT names what is wrong.
  absl::Status Resolve(const std::vector<std::string>& environment);
  const ServeSettings& settings() const { return settings_; }

 private:
  enum class Effect {
    kNone,     // accepted, so that units and manifests written for etcd start unchanged
    kRefused,  // would promise what is not there (discovery ...)
  };
  using Target = std::variant<std::string*, int64_t*, bool*, Effect>;
  struct Flag {
    std::string name;
    Target target;
    bool is_switch = false;  // may be given without a value
    std::string help{};
    std::string typed{};
    CLI::Option* option = nullptr;
  };

  void AddNodeFlags();
  void AddTlsFlags();
  void AddEtcdOnlyFlags();
  Flag* Find(std::string_view name);
  absl::Status Set(Flag& flag, const std::string& value, const std::string& source);
  absl::Status ReadEnvironment(const std::vector<std::string>& environment);
  absl::Status ReadConfigFile();

  ServeSettings settings_;
  std::vector<Flag> flags_;
};

// Go's flags take one dash as well as two; so does `serve`.
void AcceptSingleDashes(std::vector<std::string>& arguments);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_SERVE_FLAGS_H_
