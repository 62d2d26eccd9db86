// lockstep-bench-baseline: Put and Range from a map in memory, without replication or disk. What a
// call costs here is what the edge costs; the difference to a real server is the server.
#include <signal.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>

#include "framework/edge/grpc_health.h"
#include "framework/edge/grpc_server.h"
#include "kv/proto/rpc.pb.h"
#include "net/json_trace.h"
#include "net/loop.h"
#include "net/signals.h"
#include "net/tcp_network.h"
#include "net/thread_offload.h"

namespace lockstep::bench {
namespace {

using edge::GrpcCode;
using edge::GrpcStatus;

// Answers as etcd does to clients that read no older revisions.
class MapStore final {
 public:
  GrpcStatus Put(const edge::GrpcRequest& call, std::string* response) {
    if (!put_.ParseFromArray(call.message.data(), static_cast<int>(call.message.size()))) {
      return GrpcStatus(GrpcCode::kInternal, "grpc: error unmarshalling request");
    }
    if (put_.key().empty()) {
      return GrpcStatus(GrpcCode::kInvalidArgument, "etcdserver: key is not provided");
    }
    mvccpb::KeyValue& kv = map_[put_.key()];
    kv.set_key(put_.key());
    kv.set_value(put_.value());
    kv.set_mod_revision(++revision_);
    if (kv.version() == 0) kv.set_create_revision(revision_);
    kv.set_version(kv.version() + 1);
    etcdserverpb::PutResponse answer;
    FillHeader(answer.mutable_header());
    answer.SerializeToString(response);
    return GrpcStatus();
  }

  GrpcStatus Range(const edge::GrpcRequest& call, std::string* response) {
    if (!range_.ParseFromArray(call.message.data(), static_cast<int>(call.message.size()))) {
      return GrpcStatus(GrpcCode::kInternal, "grpc: error unmarshalling request");
    }
    etcdserverpb::RangeResponse answer;
    FillHeader(answer.mutable_header());
    const std::string& to = range_.range_end();
    const bool is_open_ended = to == std::string(1, '\0');
    for (auto at = map_.lower_bound(range_.key()); at != map_.end(); ++at) {
      if (to.empty() ? at->first != range_.key() : !is_open_ended && at->first >= to) break;
      *answer.add_kvs() = at->second;
    }
    answer.set_count(answer.kvs_size());
    answer.SerializeToString(response);
    return GrpcStatus();
  }

 private:
  void FillHeader(etcdserverpb::ResponseHeader* header) const {
    header->set_cluster_id(1);
    header->set_member_id(1);
    header->set_revision(revision_);
    header->set_raft_term(1);
  }

  std::map<std::string, mvccpb::KeyValue> map_;
  int64_t revision_ = 1;
  etcdserverpb::PutRequest put_;
  etcdserverpb::RangeRequest range_;
};

void Register(MapStore& store, edge::GrpcRegistry& registry) {
  registry.AddUnary("/etcdserverpb.KV/Put", [&](Fiber&, const edge::GrpcRequest& call,
                                                std::string* out) { return store.Put(call, out); });
  registry.AddUnary("/etcdserverpb.KV/Range",
                    [&](Fiber&, const edge::GrpcRequest& call, std::string* out) {
                      return store.Range(call, out);
                    });
  edge::AddHealthService(registry, [](absl::string_view) { return edge::GrpcHealth::kServing; });
}

int Main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: lockstep-bench-baseline HOST:PORT\n");
    return 2;
  }
  net::IgnoreBrokenPipes();
  net::Signals signals({SIGINT, SIGTERM});
  net::Loop loop;
  net::JsonTrace trace({}, NodeId(1), ShardId(0));
  net::ThreadOffload offload(loop, {});
  net::TcpNetwork network(loop, offload);
  MapStore store;
  edge::GrpcRegistry registry;
  Register(store, registry);
  auto listener = network.Listen(argv[1]);
  if (!listener.ok()) {
    std::fprintf(stderr, "%s\n", listener.status().ToString().c_str());
    return 1;
  }
  std::printf("listening on %s\n", (*listener)->address().c_str());
  std::fflush(stdout);
  edge::GrpcServer server(loop.scheduler(), trace, registry);
  fiber::Scope scope(loop.scheduler());
  scope.Spawn("serve", [&](Fiber& fiber) { server.Serve(fiber, **listener); });
  signals.Deliver(loop, [&](int) {
    scope.Spawn("shutdown", [&](Fiber& fiber) {
      server.Shutdown(fiber, fiber.now() + Seconds(2));
      loop.Stop();
    });
  });
  loop.Run();
  return 0;
}

}  // namespace
}  // namespace lockstep::bench

int main(int argc, char** argv) { return lockstep::bench::Main(argc, argv); }
