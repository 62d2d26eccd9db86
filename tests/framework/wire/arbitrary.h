// Frames and log records drawn from a seed: any kind, any shape, sizes from nothing to a little.
#ifndef LOCKSTEP_TESTS_FRAMEWORK_WIRE_ARBITRARY_H_
#define LOCKSTEP_TESTS_FRAMEWORK_WIRE_ARBITRARY_H_

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "framework/base/random.h"
#include "framework/wire/frames.h"
#include "framework/wire/log_record.h"

namespace lockstep::wire {

class Arbitrary final {
 public:
  explicit Arbitrary(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t bound) { return random_.Below(bound); }
  bool Flag() { return Below(2) == 1; }
  // Small, huge and in between.
  uint64_t Number() { return random_.Next() >> Below(64); }
  std::string Bytes() {
    std::string s(Below(4) == 0 ? Below(3) : Below(40), '\0');
    for (char& c : s) c = static_cast<char>(random_.Next());
    return s;
  }
  raft::Payload Payload() { return std::make_shared<const std::string>(Bytes()); }

  raft::Configuration Configuration() {
    raft::Configuration c;
    for (uint64_t id = 1; id <= 9; ++id) {
      const uint64_t role = Below(6);
      if (role == 0 || role == 1) c.voters.emplace_back(id);
      if (role == 1 || role == 2) c.outgoing.emplace_back(id);
      if (role == 2 && Flag()) c.learners_next.emplace_back(id);
      if (role == 3) c.learners.emplace_back(id);
    }
    c.voters.emplace_back(10 + Number() / 2);
    return c;
  }
  raft::SnapshotMeta Meta() {
    return {raft::Index(Number()), raft::Term(Number()), Configuration(),
            static_cast<int64_t>(Number())};
  }
  std::vector<raft::Entry> Entries(raft::Index previous, raft::Term term) {
    std::vector<raft::Entry> entries(Below(5));
    for (raft::Entry& e : entries) {
      e.index = ++previous;
      e.term = term += Below(2);
      e.kind = static_cast<raft::EntryKind>(Below(3));
      e.timestamp_ns = -static_cast<int64_t>(Number() / 2);
      if (e.kind == raft::EntryKind::kCommand) e.payload = Payload();
      if (e.kind == raft::EntryKind::kConfiguration) {
        e.configuration = std::make_shared<const raft::Configuration>(Configuration());
        if (Flag()) e.payload = Payload();
      }
    }
    return entries;
  }
  raft::MessageBody Body() {
    switch (Below(10)) {
      case 0:
        return raft::VoteRequest{Flag(),
                                 Flag(),
                                 raft::Index(Number()),
                                 raft::Term(Number()),
                                 raft::Index(Number()),
                                 raft::Term(Number())};
      case 1:
        return raft::VoteReply{Flag(), Flag(), raft::Index(Number()), raft::Term(Number())};
      case 2:
        return Append();
      case 3:
        return raft::AppendReply{Flag(), raft::Index(Number()), raft::Index(Number()),
                                 raft::Term(Number()), Flag()};
      case 4:
        return raft::Heartbeat{raft::Index(Number()), Number(), raft::Index(Number()),
                               static_cast<int64_t>(Number()), Number() % 2 == 0};
      case 5:
        return raft::HeartbeatReply{Number(),
                                    raft::Index(Number()),
                                    static_cast<int64_t>(Number()),
                                    static_cast<int64_t>(Number()),
                                    static_cast<uint32_t>(Number()),
                                    Number() % 2 == 0};
      case 6:
        return raft::InstallSnapshot{Meta()};
      case 7:
        return raft::TimeoutNow{};
      case 8:
        return raft::ReadIndexRequest{raft::ReadId(Number())};
      default:
        return raft::ReadIndexReply{raft::ReadId(Number()), raft::Index(Number()), Flag()};
    }
  }
  GroupMessage Message() {
    return {GroupId(Number()), {NodeId(Number()), NodeId(Number()), raft::Term(Number()), Body()}};
  }
  // `kind` as in Frame's index.
  Frame AnyFrame(size_t kind) {
    switch (kind) {
      case 0:
        return Hello{static_cast<uint32_t>(Number()),
                     ClusterId(Number()),
                     NodeId(Number()),
                     ShardId(static_cast<uint32_t>(Number())),
                     static_cast<Purpose>(Below(3)),
                     NodeId(Number()),
                     Number(),
                     Number(),
                     Bytes()};
      case 1:
        return RaftMessages{Some<GroupMessage>([&] { return Message(); })};
      case 2:
        return Forward{GroupId(Number()), SessionId(Number()), RequestNumber(Number()),
                       Some<ForwardItem>([&] {
                         return ForwardItem{RequestNumber(Number()), Payload()};
                       })};
      case 3:
        return ForwardRefused{GroupId(Number()), SessionId(Number()),
                              Some<RequestNumber>([&] { return RequestNumber(Number()); }),
                              static_cast<ForwardRefusal>(Below(4)), NodeId(Number())};
      case 4:
        return SnapshotBegin{GroupId(Number()), Meta(), raft::Term(Number()), NodeId(Number())};
      case 5:
        return SnapshotChunk{
            Number(), Some<SnapshotRow>([&] {
              return SnapshotRow{static_cast<uint8_t>(Below(256)), Bytes(), Bytes()};
            })};
      case 6:
        return SnapshotEnd{Number(), Number()};
      case 7:
        return SnapshotResult{Flag(), Bytes()};
      default:
        return HelloAnswer{static_cast<HelloRefusal>(Below(6)), Bytes(), Bytes()};
    }
  }
  GroupRecord Record() {
    GroupRecord r;
    r.group = GroupId(Number());
    if (Flag()) r.snapshot = Meta();
    if (Flag()) r.compacted = Meta();
    r.entries = Entries(raft::Index(Number() / 2), raft::Term(Number() / 2));
    if (Flag()) {
      r.hard_state = {raft::Term(Number()), NodeId(Number()), raft::Index(Number()), Flag()};
    }
    return r;
  }
  std::vector<GroupRecord> Batch() {
    return Some<GroupRecord>([&] { return Record(); });
  }

 private:
  raft::AppendRequest Append() {
    raft::AppendRequest m{
        raft::Index(Number() / 2), raft::Term(Number() / 2), raft::Index(Number()), {}};
    m.entries = Entries(m.prev_index, m.prev_term);
    return m;
  }
  template <typename T, typename Make>
  std::vector<T> Some(const Make& make) {
    std::vector<T> items;
    for (uint64_t n = Below(5); n > 0; --n) items.push_back(make());
    return items;
  }

  base::SequentialRandom random_;
};

}  // namespace lockstep::wire

#endif  // LOCKSTEP_TESTS_FRAMEWORK_WIRE_ARBITRARY_H_
