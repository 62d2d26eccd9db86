// kv_etcd_differential: asks a real etcd and the model the same random questions, one by one.
//
// The etcd must be fresh and will be written to. Exit status: 0 all answers agree, 1 some differ,
// 2 the command line makes no sense, 3 etcd cannot be reached or is not fresh.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <string>

#include "absl/strings/escaping.h"
#include "framework/edge/grpc_client.h"
#include "kv/testing/kv_model.h"
#include "kv/testing/kv_workload.h"
#include "net/loop.h"
#include "net/tcp_network.h"
#include "net/thread_offload.h"

namespace lockstep::kv {
namespace {

struct CommandLine final {
  std::string endpoint = "127.0.0.1:2379";
  uint64_t seed = 1;
  int requests = 20'000;
};

const char* MethodOf(CommandKind kind) {
  switch (kind) {
    case CommandKind::kRange:
      return "/etcdserverpb.KV/Range";
    case CommandKind::kPut:
      return "/etcdserverpb.KV/Put";
    case CommandKind::kDeleteRange:
      return "/etcdserverpb.KV/DeleteRange";
    case CommandKind::kTxn:
      return "/etcdserverpb.KV/Txn";
    case CommandKind::kCompact:
      return "/etcdserverpb.KV/Compact";
    default:
      return "/etcdserverpb.Maintenance/HashKV";
  }
}

// A response in canonical form, without what the model cannot know.
template <typename Response>
std::string Canonical(const std::string& bytes) {
  Response response;
  if (!response.ParseFromString(bytes)) return "malformed: " + bytes;
  const int64_t revision = response.header().revision();
  response.mutable_header()->Clear();
  response.mutable_header()->set_revision(revision);
  if constexpr (std::is_same_v<Response, etcdserverpb::HashKVResponse>) {
    response.clear_hash_revision();  // since 3.6
    response.mutable_header()->Clear();
  }
  return response.SerializeAsString();
}

std::string Canonical(CommandKind kind, const std::string& bytes) {
  switch (kind) {
    case CommandKind::kRange:
      return Canonical<etcdserverpb::RangeResponse>(bytes);
    case CommandKind::kPut:
      return Canonical<etcdserverpb::PutResponse>(bytes);
    case CommandKind::kDeleteRange:
      return Canonical<etcdserverpb::DeleteRangeResponse>(bytes);
    case CommandKind::kTxn:
      return Canonical<etcdserverpb::TxnResponse>(bytes);
    case CommandKind::kCompact:
      return Canonical<etcdserverpb::CompactionResponse>(bytes);
    default:
      return Canonical<etcdserverpb::HashKVResponse>(bytes);
  }
}

// So many that etcd's sort, which is stable for short lists only, is stable.
constexpr int kKeys = 12;
constexpr int kShownMax = 10;

class Comparison final {
 public:
  Comparison(edge::GrpcChannel& channel, const CommandLine& line)
      : channel_(channel),
        requests_(line.requests),
        workload_(line.seed, {.keys = kKeys, .with_etcd_differences = false}) {}

  // The exit status.
  int Run(Fiber& fiber) {
    const WorkloadRequest probe{CommandKind::kRange, true, std::string("\x0A\x01k", 3)};
    if (AskEtcd(fiber, probe) != AskModel(probe)) {
      std::cerr << "no fresh etcd at " << channel_.address() << "\n";
      return 3;
    }
    for (int i = 0; i < requests_; ++i) Compare(fiber, i, workload_.Next(model_.revision()));
    std::cout << requests_ << " requests up to revision " << model_.revision() << ": "
              << differences_ << " answers differ\n";
    return differences_ == 0 ? 0 : 1;
  }

 private:
  ModelAnswer AskEtcd(Fiber& fiber, const WorkloadRequest& request) {
    const edge::GrpcResult result = channel_.Call(fiber, MethodOf(request.kind), request.body,
                                                  {.deadline = fiber.now() + Seconds(10)});
    if (!result.ok()) return {static_cast<int>(result.code), result.message};
    return {0, Canonical(request.kind, result.response)};
  }
  ModelAnswer AskModel(const WorkloadRequest& request) {
    ModelAnswer answer = Ask(model_, request);
    if (answer.code == 0) answer.body = Canonical(request.kind, answer.body);
    return answer;
  }

  void Compare(Fiber& fiber, int number, const WorkloadRequest& request) {
    const ModelAnswer expected = AskModel(request);
    const ModelAnswer actual = AskEtcd(fiber, request);
    if (expected == actual || ++differences_ > kShownMax) return;
    std::cout << "request " << number << " to " << MethodOf(request.kind) << " "
              << absl::CEscape(request.body) << "\n  model: " << expected.code << " "
              << absl::CEscape(expected.body) << "\n  etcd:  " << actual.code << " "
              << absl::CEscape(actual.body) << "\n";
  }

  edge::GrpcChannel& channel_;
  int requests_;
  KvWorkload workload_;
  KvModel model_;
  int differences_ = 0;
};

int Run(const CommandLine& line) {
  net::Loop loop;
  net::ThreadOffload offload(loop, {});
  net::TcpNetwork network(loop, offload);
  edge::GrpcChannel channel(loop.scheduler(), network, line.endpoint);
  Comparison comparison(channel, line);
  int exit_status = 0;
  fiber::Scope scope(loop.scheduler());
  scope.Spawn("comparison", [&](Fiber& fiber) {
    exit_status = comparison.Run(fiber);
    loop.Stop();
  });
  loop.Run();
  return exit_status;
}

}  // namespace
}  // namespace lockstep::kv

int main(int argc, char** argv) {
  lockstep::kv::CommandLine line;
  CLI::App app("Compares a real etcd with the model of the key-value store.");
  app.add_option("--endpoint", line.endpoint, "host:port of a fresh etcd")->capture_default_str();
  app.add_option("--seed", line.seed, "Of the requests")->capture_default_str();
  app.add_option("--requests", line.requests, "How many")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return lockstep::kv::Run(line);
}
