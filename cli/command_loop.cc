#include "cli/command_loop.h"

#include "net/json_trace.h"
#include "net/loop.h"
#include "net/signals.h"
#include "net/system_devices.h"
#include "net/tcp_network.h"
#include "net/thread_offload.h"

namespace lockstep::cli {

struct CommandLoop::Parts final {
  Parts(runtime::TraceLevel level_min, NodeId node)
      : offload(loop, {.general_threads = 1}),
        network(loop, offload),
        trace({.level_min = level_min}, node, ShardId(0)) {}

  net::Loop loop;
  net::ThreadOffload offload;
  net::TcpNetwork network;
  net::SystemClock clock;
  net::JsonTrace trace;
};

CommandLoop::CommandLoop(runtime::TraceLevel level_min, NodeId node) {
  net::IgnoreBrokenPipes();
  parts_ = std::make_unique<Parts>(level_min, node);
}

CommandLoop::~CommandLoop() = default;

edge::TlsDevices CommandLoop::devices() {
  return {parts_->loop.scheduler(), parts_->network, parts_->clock, parts_->trace};
}

void CommandLoop::Run(std::string_view name, const std::function<void(Fiber&)>& work) {
  fiber::Scope scope(parts_->loop.scheduler());
  scope.Spawn(name, [&](Fiber& fiber) {
    work(fiber);
    parts_->loop.Stop();
  });
  parts_->loop.Run();
}

}  // namespace lockstep::cli
