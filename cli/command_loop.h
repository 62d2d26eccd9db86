// Where a command that talks to others runs: a loop with a network, for as long as the command
// takes.
#ifndef LOCKSTEP_CLI_COMMAND_LOOP_H_
#define LOCKSTEP_CLI_COMMAND_LOOP_H_

#include <functional>
#include <memory>
#include <string_view>

#include "framework/base/ids.h"
#include "framework/edge/tls_network.h"
#include "framework/fiber/scheduler.h"
#include "framework/runtime/trace.h"

namespace lockstep::cli {

// Composes the devices of one command. What uses them is declared after it, and so is gone before
// them.
class CommandLoop final {
 public:
  // Events of `level_min` and above are told on standard error, in the name of `node`.
  explicit CommandLoop(runtime::TraceLevel level_min = runtime::TraceLevel::kError,
                       NodeId node = NodeId());
  ~CommandLoop();

  CommandLoop(const CommandLoop&) = delete;
  CommandLoop& operator=(const CommandLoop&) = delete;

  // Borrowed by whoever it is given to.
  edge::TlsDevices devices();

  // Runs `work` in a fiber of that name (a literal); returns when it has. Not to be called in a
  // fiber.
  void Run(std::string_view name, const std::function<void(Fiber&)>& work);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_COMMAND_LOOP_H_
