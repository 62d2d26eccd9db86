// A log on a memory disk, driven by hand.
#ifndef LOCKSTEP_TESTS_FRAMEWORK_REPLICA_LOG_TEST_SUPPORT_H_
#define LOCKSTEP_TESTS_FRAMEWORK_REPLICA_LOG_TEST_SUPPORT_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "framework/base/check.h"
#include "framework/replica/log.h"
#include "tests/framework/replica/memory_disk.h"

namespace lockstep::replica {

// The parts of an Environment that a log has no business with: touching one aborts.
class Forbidden final : public runtime::Clock,
                        public runtime::Random,
                        public runtime::Network,
                        public runtime::Offload,
                        public runtime::Mailbox,
                        public runtime::FaultPoints {
 public:
  MonoTime Monotonic() override { return Refuse<MonoTime>(); }
  WallTime Wall() override { return Refuse<WallTime>(); }
  // (Only the streams of a sealed log have names of their own.)
  uint64_t Draw(std::string_view purpose) override {
    return purpose == "log.seal" ? ++drawn_ : Refuse<uint64_t>();
  }
  absl::StatusOr<std::unique_ptr<runtime::Stream>> Dial(Fiber&, const runtime::Address&,
                                                        MonoTime) override {
    return Refuse<absl::Status>();
  }
  absl::StatusOr<std::unique_ptr<runtime::Listener>> Listen(const runtime::Address&) override {
    return Refuse<absl::Status>();
  }
  void Run(Fiber&, runtime::Lane, absl::FunctionRef<void()>) override { Refuse<int>(); }
  void Post(ShardId, absl::AnyInvocable<void()>) override { Refuse<int>(); }
  uint32_t shard_count() const override { return 1; }
  bool Fire(std::string_view) override { return false; }

 private:
  template <typename T>
  static T Refuse() {
    CHECK(false) << "a log needs none of this";
    return T();
  }
  uint64_t drawn_ = 0;
};

class NoTrace final : public runtime::Trace {
 public:
  bool enabled(runtime::TraceLevel) const override { return false; }
  void Emit(runtime::TraceLevel, std::string_view, absl::Span<const runtime::TraceField>) override {
  }
};

struct Acknowledgement final {
  GroupId group;
  raft::WriteId id;
  bool operator==(const Acknowledgement&) const = default;
};

// One node's log through any number of incarnations.
class LogBench final {
 public:
  explicit LogBench(LogOptions log_options = {}) : options(std::move(log_options)) {
    if (options.directory.empty()) options.directory = "wal";
    options.cluster = ClusterId(7);
  }
  ~LogBench() { Kill(); }

  // Recovers; the result is in `recovered`.
  absl::Status Open() {
    Kill();
    absl::Status status;
    fibers_ = std::make_unique<fiber::Scope>(scheduler_);
    fibers_->Spawn("open", [&](Fiber& fiber) {
      auto opened = Log::Open(fiber, environment, options, &recovered);
      status = opened.status();
      if (opened.ok()) log = *std::move(opened);
    });
    Pump();
    return status;
  }
  // Recovers and starts the writer.
  absl::Status Start() {
    RETURN_IF_ERROR(Open());
    for (auto& client : clients_) log->Register(client->group, *client);
    run_status = absl::UnknownError("running");
    fibers_->Spawn("writer", [this](Fiber& fiber) { run_status = log->Run(fiber); });
    return absl::OkStatus();
  }
  // Ends the incarnation at whatever it was doing.
  void Kill() {
    fibers_.reset();
    log.reset();
  }
  void LosePower() {
    Kill();
    disk.LosePower();
  }

  // Acknowledgements of the group go to `acks`, in this and later incarnations.
  void Listen(GroupId group) {
    clients_.push_back(std::make_unique<Client>(*this, group));
    if (log) log->Register(group, *clients_.back());
  }
  void Append(GroupId group, raft::Persist persist) { log->Append(group, std::move(persist)); }
  // Until nothing moves any more.
  void Pump() {
    for (;;) {
      scheduler_.RunReady();
      if (scheduler_.next_deadline() == kNoDeadline || --patience_ == 0) break;
      scheduler_.AdvanceTo(scheduler_.next_deadline());
    }
    patience_ = kPatience;
  }
  void RunOne() { scheduler_.RunOne(); }

  MemoryDisk disk;
  LogOptions options;
  std::unique_ptr<Log> log;
  std::map<GroupId, RecoveredGroup> recovered;
  std::vector<Acknowledgement> acks;
  absl::Status run_status;
  std::function<void(const Acknowledgement&)> on_ack;

 private:
  struct Client final : LogClient {
    Client(LogBench& b, GroupId g) : bench(b), group(g) {}
    void OnDurable(raft::WriteId id) override {
      bench.acks.push_back({group, id});
      if (bench.on_ack) bench.on_ack(bench.acks.back());
    }
    LogBench& bench;
    GroupId group;
  };
  static constexpr int kPatience = 1000;

  fiber::Scheduler scheduler_;
  Forbidden forbidden_;
  NoTrace trace_;
  std::vector<std::unique_ptr<Client>> clients_;
  int patience_ = kPatience;

 public:
  runtime::Environment environment{NodeId(3),  ShardId(0), scheduler_, forbidden_,
                                   forbidden_, forbidden_, disk,       forbidden_,
                                   forbidden_, forbidden_, trace_};

 private:
  std::unique_ptr<fiber::Scope> fibers_;  // last: unwound first
};

inline raft::Entry Command(uint64_t index, uint64_t term, std::string payload) {
  raft::Entry e;
  e.index = raft::Index(index);
  e.term = raft::Term(term);
  e.kind = raft::EntryKind::kCommand;
  e.timestamp_ns = static_cast<int64_t>(1000 * index);
  e.payload = std::make_shared<const std::string>(std::move(payload));
  return e;
}

// Entries first..last of one term, whose payloads say which they are.
inline raft::Persist Entries(uint64_t id, uint64_t term, uint64_t first, uint64_t last) {
  raft::Persist persist;
  persist.id = raft::WriteId(id);
  for (uint64_t i = first; i <= last; ++i) {
    persist.entries.push_back(Command(i, term, absl::StrCat("e", i, "t", term)));
  }
  persist.hard_state = raft::HardState{raft::Term(term), NodeId(3), raft::Index(first - 1)};
  return persist;
}

inline raft::SnapshotMeta Meta(uint64_t index, uint64_t term) {
  raft::SnapshotMeta meta;
  meta.index = raft::Index(index);
  meta.term = raft::Term(term);
  meta.configuration.voters = {NodeId(1), NodeId(2), NodeId(3)};
  meta.timestamp_ns = static_cast<int64_t>(1000 * index);
  return meta;
}

// "snapshot 3/1 entries 4/1=e4t1 term 1 vote 3 commit 3"
inline std::string TextOf(const RecoveredGroup& group) {
  std::string text =
      absl::StrCat("snapshot ", group.snapshot.index.value(), "/", group.snapshot.term.value(),
                   " of ", group.snapshot.configuration.voters.size(), " entries");
  for (const raft::Entry& e : group.entries) {
    absl::StrAppend(&text, " ", e.index.value(), "/", e.term.value(), "=", *e.payload);
  }
  absl::StrAppend(&text, " term ", group.hard_state.term.value(), " vote ",
                  group.hard_state.vote.value(), " commit ", group.hard_state.commit.value());
  return text;
}

inline std::string TextOf(const std::map<GroupId, RecoveredGroup>& groups) {
  std::string text;
  for (const auto& [id, group] : groups) {
    absl::StrAppend(&text, id.value(), ": ", TextOf(group), "\n");
  }
  return text;
}

}  // namespace lockstep::replica

#endif  // LOCKSTEP_TESTS_FRAMEWORK_REPLICA_LOG_TEST_SUPPORT_H_
