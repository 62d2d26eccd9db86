// Every field of a frame as text, so that tests can compare frames.
#ifndef LOCKSTEP_TESTS_FRAMEWORK_WIRE_FRAME_TEXT_H_
#define LOCKSTEP_TESTS_FRAMEWORK_WIRE_FRAME_TEXT_H_

#include <sstream>
#include <string>
#include <vector>

#include "framework/wire/frames.h"
#include "framework/wire/log_record.h"

namespace lockstep::wire {

class FrameText final {
 public:
  template <typename T>
  static std::string Of(const T& value) {
    FrameText text;
    text.Put(value);
    return text.out_.str();
  }

  void operator()(const Hello& f) {
    Line("hello", f.protocol_version, f.cluster, f.node, f.shard, static_cast<int>(f.purpose), f.to,
         f.directory, f.expected_directory, f.address);
  }
  void operator()(const RaftMessages& f) {
    for (const GroupMessage& m : f.messages) Put(m);
  }
  void operator()(const Forward& f) {
    Line("forward", f.group, f.session, f.acked_below);
    for (const ForwardItem& i : f.items) Line("item", i.number, *i.payload);
  }
  void operator()(const ForwardRefused& f) {
    Line("refused", f.group, f.session, static_cast<int>(f.reason), f.leader);
    for (RequestNumber n : f.numbers) Line("number", n);
  }
  void operator()(const SnapshotBegin& f) {
    Line("begin", f.group, f.term, f.from);
    Put(f.meta);
  }
  void operator()(const SnapshotChunk& f) {
    Line("chunk", f.sequence);
    for (const SnapshotRow& r : f.rows) Line("row", int{r.column}, r.key, r.value);
  }
  void operator()(const SnapshotEnd& f) { Line("end", f.rows, f.checksum); }
  void operator()(const SnapshotResult& f) { Line("result", f.ok, f.error); }
  void operator()(const HelloAnswer& f) {
    Line("hello answer", static_cast<int>(f.refusal), f.error, f.info);
  }

  void operator()(const raft::VoteRequest& m) {
    Line("vote", m.pre_vote, m.leader_transfer, m.last_index, m.last_term);
  }
  void operator()(const raft::VoteReply& m) {
    Line("vote reply", m.pre_vote, m.granted, m.commit, m.commit_term);
  }
  void operator()(const raft::AppendRequest& m) {
    Line("append", m.prev_index, m.prev_term, m.commit);
    for (const raft::Entry& e : m.entries) Put(e);
  }
  void operator()(const raft::AppendReply& m) {
    Line("append reply", m.rejected, m.index, m.hint_index, m.hint_term, m.log_lost);
  }
  void operator()(const raft::Heartbeat& m) {
    Line("heartbeat", m.commit, m.read, m.last_index, m.stamp_ns, m.quiesce);
  }
  void operator()(const raft::HeartbeatReply& m) {
    Line("heartbeat reply", m.read, m.wants_snapshot, m.stamp_ns, m.promise_ns, m.priority,
         m.awake);
  }
  void operator()(const raft::InstallSnapshot& m) {
    Line("install");
    Put(m.meta);
  }
  void operator()(const raft::TimeoutNow&) { Line("timeout now"); }
  void operator()(const raft::ReadIndexRequest& m) { Line("read", m.id); }
  void operator()(const raft::ReadIndexReply& m) { Line("read reply", m.id, m.index, m.rejected); }

 private:
  template <typename... Fields>
  void Line(const Fields&... fields) {
    ((out_ << fields << '|'), ...);
    out_ << '\n';
  }
  void Put(const Frame& f) { std::visit(*this, f); }
  void Put(const GroupMessage& m) {
    Line("message", m.group, m.message.from, m.message.to, m.message.term);
    std::visit(*this, m.message.body);
  }
  void Put(const raft::Configuration& c) {
    for (const auto& ids : {c.voters, c.outgoing, c.learners, c.learners_next}) {
      for (NodeId id : ids) out_ << id << ',';
      out_ << ';';
    }
    out_ << '\n';
  }
  void Put(const raft::SnapshotMeta& m) {
    Line("meta", m.index, m.term, m.timestamp_ns);
    Put(m.configuration);
  }
  void Put(const raft::Entry& e) {
    Line("entry", e.term, e.index, static_cast<int>(e.kind), e.timestamp_ns);
    Line(e.payload ? "payload " + *e.payload : "no payload");
    Put(e.configuration ? *e.configuration : raft::Configuration());
  }
  void Put(const GroupRecord& r) {
    Line("record", r.group, r.snapshot.has_value(), r.compacted.has_value(),
         r.hard_state.has_value());
    if (r.snapshot) Put(*r.snapshot);
    if (r.compacted) Put(*r.compacted);
    for (const raft::Entry& e : r.entries) Put(e);
    if (r.hard_state) {
      Line(r.hard_state->term, r.hard_state->vote, r.hard_state->commit, r.hard_state->abstains);
    }
  }
  void Put(const std::vector<GroupRecord>& records) {
    for (const GroupRecord& r : records) Put(r);
  }

  std::ostringstream out_;
};

}  // namespace lockstep::wire

#endif  // LOCKSTEP_TESTS_FRAMEWORK_WIRE_FRAME_TEXT_H_
