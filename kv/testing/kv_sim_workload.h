// KvSimWorkload: etcd clients against a simulated cluster, over HTTP/2, every answer recorded.
#ifndef LOCKSTEP_KV_TESTING_KV_SIM_WORKLOAD_H_
#define LOCKSTEP_KV_TESTING_KV_SIM_WORKLOAD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkers/kv_history.h"
#include "checkers/monitors/revision_monitor.h"
#include "checkers/violation.h"
#include "framework/base/random.h"
#include "framework/edge/grpc_client.h"
#include "kv/testing/alarm_log.h"
#include "kv/testing/kv_call.h"
#include "kv/testing/staleness_monitor.h"
#include "sim/cluster/workload.h"

namespace etcdserverpb {
class AlarmRequest;
}

namespace lockstep::kv {

// Clients put unique values, read the present and the past, delete, swap in transactions and
// compact, on a handful of keys. The history must pass the revision certificate and, per key, the
// search for a linear order; while it is made, a monitor says what is certainly wrong already. Now
// and then one raises NOSPACE, tries to put, and takes it back.
class KvSimWorkload final : public sim::Workload {
 public:
  struct Options {
    uint32_t keys = 8;  // at least 2
    // Half of the clients are patient; the others give up earlier, so that nodes that are cut off
    // are asked by somebody.
    Duration request_timeout = Seconds(5);
    Duration short_timeout = Milliseconds(600);
  };

  explicit KvSimWorkload(const Options& options) : options_(options) {}

  void Configure(replica::NodeOptions& options) override;
  void RunClient(Fiber& fiber, runtime::Environment& environment,
                 const sim::ClientPlan& plan) override;
  bool HasFailed() const override {
    return certain_.has_value() || alarms_.violation().has_value();
  }
  std::optional<checkers::Violation> Check() override;
  uint64_t invoked() const override { return invoked_; }
  uint64_t completed() const override { return completed_; }

 private:
  struct Client {
    const sim::ClientPlan& plan;
    base::SequentialRandom random;            // of this turn
    uint64_t values = 0;                      // of this turn
    int64_t revision = 1;                     // the newest that it was told
    std::map<std::string, std::string> seen;  // values that it read, to compare with
    Duration timeout;
    std::vector<std::unique_ptr<edge::GrpcChannel>> channels;  // by endpoint; null: not yet
    size_t endpoint = 0;                                       // the one of the last operation
  };

  checkers::KvRequest NextRequest(Client& client) const;
  checkers::KvRequest NextTransaction(Client& client) const;
  std::string Key(Client& client) const;
  std::string MortalKey(Client& client) const;
  std::string Value(Client& client) const;
  // Before most operations: a pause. Some follow at once, when what was just written is new.
  static Duration ThinkTime(Client& client);
  // Now and then another node is asked, which may know less.
  static edge::GrpcChannel& ChooseChannel(runtime::Environment& environment, Client& client);
  // What the operation came to, for the history and the monitor.
  void Record(uint64_t id, int64_t now, const CallResult& result);
  // One operation, recorded. False: try another node.
  bool RunOne(Fiber& fiber, edge::GrpcChannel& channel, Client& client,
              const checkers::KvRequest& request);
  // How old this turn's answer may be, if it only reads. Draws nothing from what the turn draws
  // otherwise.
  static Duration DrawStaleness(const Client& client, const checkers::KvRequest& request);
  void CheckStaleness(const Client& client, int64_t called_ns, Duration allowed,
                      const checkers::KvRequest& request, const CallResult& result);
  // Whether this turn is one of an alarm. Draws nothing from what the turn draws otherwise.
  static bool IsAlarmTurn(const Client& client);
  void RunAlarm(Fiber& fiber, runtime::Environment& environment, Client& client);
  // For what must be done and does no harm twice: until some node has acknowledged it.
  void InsistOn(Fiber& fiber, runtime::Environment& environment, Client& client,
                const etcdserverpb::AlarmRequest& request);
  bool ChangeAlarm(Fiber& fiber, edge::GrpcChannel& channel, const Client& client,
                   const etcdserverpb::AlarmRequest& request);
  // Where every request has to be answered.
  void CheckAnswered(const Client& client, const checkers::KvRequest& request,
                     const CallResult& result);
  void NoteForAlarms(uint64_t began, const checkers::KvRequest& request, const CallResult& result);

  // For whoever records.
  static void TellInvoked(const Client& client, uint64_t id, const checkers::KvRequest& request);
  static void TellReturned(const Client& client, uint64_t id, const checkers::KvRequest& request,
                           const CallResult& result);

  Options options_;
  checkers::KvRecorder recorder_;
  checkers::RevisionMonitor monitor_;
  std::optional<checkers::Violation> certain_;  // the first that a monitor found
  bool is_told_first_ = false;                  // nobody else says it better
  AlarmLog alarms_;
  StalenessMonitor staleness_;
  uint64_t invoked_ = 0;
  uint64_t completed_ = 0;
};

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_TESTING_KV_SIM_WORKLOAD_H_
