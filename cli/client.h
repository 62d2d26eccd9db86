// Client: calls to a cluster, for the commands that talk to one.
#ifndef LOCKSTEP_CLI_CLIENT_H_
#define LOCKSTEP_CLI_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "framework/base/time.h"
#include "framework/edge/grpc_client.h"
#include "framework/fiber/scheduler.h"
#include "framework/runtime/network.h"

namespace CLI {
class App;
}
namespace google::protobuf {
class MessageLite;
}

namespace lockstep::cli {

struct ClientOptions final {
  std::vector<std::string> endpoints = {"127.0.0.1:2379"};
  std::string dial_timeout = "2s";
  std::string command_timeout = "5s";
  // TLS, with the names and meanings of etcdctl's flags.
  std::string trusted_file;      // --cacert; "": the system's
  std::string certificate_file;  // --cert
  std::string key_file;          // --key
  bool skips_verification = false;

  bool has_tls() const {
    return !trusted_file.empty() || !certificate_file.empty() || skips_verification;
  }
};

// "5s", "500ms"; a number alone is seconds. INVALID_ARGUMENT names the flag.
absl::StatusOr<Duration> ParseTimeout(const std::string& flag, const std::string& text);

// Adds --endpoints, the timeouts and the flags of TLS.
void AddClientFlags(CLI::App& app, ClientOptions& options);

// Asks one endpoint after the other until one has seen the request. Owned by RunClient.
class Client final {
 public:
  // `network` for each of the endpoints.
  Client(fiber::Scheduler& scheduler, const std::vector<runtime::Network*>& networks,
         std::vector<std::string> endpoints, Duration dial_timeout, Duration command_timeout);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  enum class Retry {
    kIfUnseen,     // the next endpoint is asked only if no server has seen the request
    kUntilAnswer,  // for what changes nothing
  };
  // Fills `response` and returns kExitOk, or says on standard error what went wrong, as `what`, and
  // returns the exit code. Suspends.
  int Call(Fiber& fiber, const std::string& what, std::string_view method,
           const google::protobuf::MessageLite& request, Retry retry,
           google::protobuf::MessageLite& response);
  // The same with messages that are bytes.
  int CallBytes(Fiber& fiber, const std::string& what, std::string_view method,
                const std::string& request, Retry retry, std::string* response);
  // Goes along with every call from now on.
  void AddMetadata(const std::string& name, const std::string& value) {
    metadata_.Add(name, value);
  }
  // Asks this endpoint alone. Suspends.
  edge::GrpcResult CallOne(Fiber& fiber, size_t endpoint, std::string_view method,
                           const google::protobuf::MessageLite& request);
  edge::GrpcResult AskOne(Fiber& fiber, size_t endpoint, std::string_view method,
                          const std::string& request);
  fiber::Scheduler& scheduler() { return scheduler_; }
  const std::vector<std::string>& endpoints() const { return endpoints_; }

 private:
  fiber::Scheduler& scheduler_;
  std::vector<std::string> endpoints_;
  std::vector<std::unique_ptr<edge::GrpcChannel>> channels_;
  MonoTime deadline_;
  edge::Metadata metadata_;
};

// Runs `work` on an event loop of this thread and returns its exit code. Blocks.
int RunClient(const std::string& what, const ClientOptions& options,
              const std::function<int(Fiber&, Client&)>& work);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_CLIENT_H_
