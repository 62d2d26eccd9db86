// The only file that catches kj::Exception. Nothing in it suspends.
#include <capnp/message.h>
#include <kj/exception.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/base/check.h"
#include "framework/wire/body_codec.h"
#include "framework/wire/codec.h"
#include "framework/wire/raft.capnp.h"

namespace lockstep::wire {
namespace {

using capnp::word;

// Makes payloads of which a few neighbours share one block: half the allocations, and what is kept
// alive by a neighbour is little.
class PayloadMaker final {
 public:
  explicit PayloadMaker(size_t count) : left_(count) {}

  raft::Payload Make(capnp::Data::Reader d) {
    if (!block_ || block_->size() == block_->capacity()) {
      block_ = std::make_shared<std::vector<std::string>>();
      block_->reserve(std::clamp<size_t>(left_, 1, kBlockPayloads));
    }
    if (left_ > 0) --left_;
    const std::string& payload =
        block_->emplace_back(reinterpret_cast<const char*>(d.begin()), d.size());
    return {block_, &payload};
  }

 private:
  static constexpr size_t kBlockPayloads = 16;
  size_t left_;
  std::shared_ptr<std::vector<std::string>> block_;  // never reallocates
};

// Reads schema structs into ours. What cannot be is noted, and reading goes on with a harmless
// value: the first complaint becomes the result.
class BodyReader final {
 public:
  const absl::Status& status() const { return status_; }

  raft::Configuration Read(schema::Configuration::Reader r);
  raft::SnapshotMeta Read(schema::SnapshotMeta::Reader r);
  raft::HardState Read(schema::HardState::Reader r);
  void ReadInto(raft::Entry& e, schema::Entry::Reader r, PayloadMaker& payloads);
  std::vector<raft::Entry> Read(capnp::List<schema::Entry>::Reader r);
  GroupMessage Read(schema::Message::Reader r);
  GroupRecord Read(schema::LogBatch::GroupRecord::Reader r);
  Frame Read(schema::Frame::Reader r);

 private:
  raft::MessageBody ReadBody(schema::Message::Reader r);
  raft::AppendRequest Read(schema::Message::AppendRequest::Reader r);
  Hello Read(schema::Frame::Hello::Reader r);
  RaftMessages Read(capnp::List<schema::Message>::Reader r);
  Forward Read(schema::Frame::Forward::Reader r);
  ForwardRefused Read(schema::Frame::ForwardRefused::Reader r);
  SnapshotBegin Read(schema::Frame::SnapshotBegin::Reader r);
  SnapshotChunk Read(schema::Frame::SnapshotChunk::Reader r);

  template <typename Id>
  std::vector<Id> ReadIds(capnp::List<uint64_t>::Reader r);
  // An enum of ours, whose last value is `last`.
  template <typename Enum>
  Enum ReadEnum(uint8_t value, Enum last, const char* what);
  void Require(bool holds, const char* what) {
    if (!holds && status_.ok()) status_ = absl::InvalidArgumentError(what);
  }

  absl::Status status_;
};

std::string StringOf(capnp::Data::Reader d) {
  return {reinterpret_cast<const char*>(d.begin()), d.size()};
}

bool IsNodeSet(const std::vector<NodeId>& ids) {
  const bool rising =
      std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) == ids.end();
  return rising && (ids.empty() || ids.front() != NodeId());
}

bool AreDisjoint(const std::vector<NodeId>& a, const std::vector<NodeId>& b) {
  std::vector<NodeId> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both.empty();
}

template <typename Id>
std::vector<Id> BodyReader::ReadIds(capnp::List<uint64_t>::Reader r) {
  std::vector<Id> ids;
  ids.reserve(r.size());
  for (uint64_t id : r) ids.emplace_back(id);
  return ids;
}

template <typename Enum>
Enum BodyReader::ReadEnum(uint8_t value, Enum last, const char* what) {
  const bool known = value <= static_cast<uint8_t>(last);
  Require(known, what);
  return known ? static_cast<Enum>(value) : Enum();
}

raft::Configuration BodyReader::Read(schema::Configuration::Reader r) {
  raft::Configuration c;
  c.voters = ReadIds<NodeId>(r.getVoters());
  c.outgoing = ReadIds<NodeId>(r.getOutgoing());
  c.learners = ReadIds<NodeId>(r.getLearners());
  c.learners_next = ReadIds<NodeId>(r.getLearnersNext());
  const bool sets = IsNodeSet(c.voters) && IsNodeSet(c.outgoing) && IsNodeSet(c.learners) &&
                    IsNodeSet(c.learners_next);
  Require(sets, "configuration: members are not sorted, not unique or zero");
  if (!sets) return c;
  Require(!c.voters.empty() || (c.outgoing.empty() && c.learners.empty()),
          "configuration: members but no voters");
  Require(AreDisjoint(c.learners, c.voters) && AreDisjoint(c.learners, c.outgoing),
          "configuration: a learner votes");
  Require(std::includes(c.outgoing.begin(), c.outgoing.end(), c.learners_next.begin(),
                        c.learners_next.end()),
          "configuration: a future learner is no outgoing voter");
  return c;
}

raft::SnapshotMeta BodyReader::Read(schema::SnapshotMeta::Reader r) {
  raft::SnapshotMeta m;
  m.index = raft::Index(r.getIndex());
  m.term = raft::Term(r.getTerm());
  m.timestamp_ns = r.getTimestampNs();
  m.configuration = Read(r.getConfiguration());
  return m;
}

raft::HardState BodyReader::Read(schema::HardState::Reader r) {
  return {raft::Term(r.getTerm()), NodeId(r.getVote()), raft::Index(r.getCommit()),
          r.getAbstains()};
}

void BodyReader::ReadInto(raft::Entry& e, schema::Entry::Reader r, PayloadMaker& payloads) {
  e.term = raft::Term(r.getTerm());
  e.index = raft::Index(r.getIndex());
  e.timestamp_ns = r.getTimestampNs();
  e.kind = ReadEnum(r.getKind(), raft::EntryKind::kConfiguration, "entry: unknown kind");
  if (r.hasPayload()) e.payload = payloads.Make(r.getPayload());
  Require(e.index != raft::Index(), "entry: index 0");
  Require(e.kind != raft::EntryKind::kNoop || !e.payload, "entry: a no-op with a payload");
  Require(e.kind != raft::EntryKind::kCommand || e.payload, "entry: a command without a payload");
  if (e.kind == raft::EntryKind::kConfiguration) {
    e.configuration = std::make_shared<const raft::Configuration>(Read(r.getConfiguration()));
    Require(!e.configuration->voters.empty(), "entry: a configuration without voters");
  }
}

std::vector<raft::Entry> BodyReader::Read(capnp::List<schema::Entry>::Reader r) {
  std::vector<raft::Entry> entries;
  entries.reserve(r.size());
  PayloadMaker payloads(r.size());
  for (schema::Entry::Reader e : r) {
    ReadInto(entries.emplace_back(), e, payloads);
    if (entries.size() == 1) continue;
    const raft::Entry& previous = entries[entries.size() - 2];
    Require(entries.back().index == previous.index + 1, "entries: not contiguous");
    Require(entries.back().term >= previous.term, "entries: terms fall");
  }
  return entries;
}

raft::AppendRequest BodyReader::Read(schema::Message::AppendRequest::Reader r) {
  raft::AppendRequest m;
  m.prev_index = raft::Index(r.getPrevIndex());
  m.prev_term = raft::Term(r.getPrevTerm());
  m.commit = raft::Index(r.getCommit());
  m.entries = Read(r.getEntries());
  if (!m.entries.empty()) {
    Require(m.entries.front().index == m.prev_index + 1, "append: entries do not follow");
    Require(m.entries.front().term >= m.prev_term, "append: terms fall");
  }
  return m;
}

raft::MessageBody BodyReader::ReadBody(schema::Message::Reader r) {
  switch (r.which()) {
    case schema::Message::VOTE_REQUEST: {
      const auto b = r.getVoteRequest();
      return raft::VoteRequest{b.getPreVote(),
                               b.getLeaderTransfer(),
                               raft::Index(b.getLastIndex()),
                               raft::Term(b.getLastTerm()),
                               raft::Index(b.getCommit()),
                               raft::Term(b.getCommitTerm())};
    }
    case schema::Message::VOTE_REPLY: {
      const auto b = r.getVoteReply();
      return raft::VoteReply{b.getPreVote(), b.getGranted(), raft::Index(b.getCommit()),
                             raft::Term(b.getCommitTerm())};
    }
    case schema::Message::APPEND_REQUEST:
      return Read(r.getAppendRequest());
    case schema::Message::APPEND_REPLY: {
      const auto b = r.getAppendReply();
      return raft::AppendReply{b.getRejected(), raft::Index(b.getIndex()),
                               raft::Index(b.getHintIndex()), raft::Term(b.getHintTerm()),
                               b.getLogLost()};
    }
    case schema::Message::HEARTBEAT: {
      const auto b = r.getHeartbeat();
      return raft::Heartbeat{raft::Index(b.getCommit()), b.getRead(), raft::Index(b.getLastIndex()),
                             b.getStampNs(), b.getQuiesce()};
    }
    case schema::Message::HEARTBEAT_REPLY: {
      const auto b = r.getHeartbeatReply();
      return raft::HeartbeatReply{b.getRead(),     raft::Index(b.getWantsSnapshot()),
                                  b.getStampNs(),  b.getPromiseNs(),
                                  b.getPriority(), b.getAwake()};
    }
    case schema::Message::INSTALL_SNAPSHOT:
      return raft::InstallSnapshot{Read(r.getInstallSnapshot())};
    case schema::Message::TIMEOUT_NOW:
      return raft::TimeoutNow{};
    case schema::Message::READ_INDEX_REQUEST:
      return raft::ReadIndexRequest{raft::ReadId(r.getReadIndexRequest().getId())};
    case schema::Message::READ_INDEX_REPLY: {
      const auto b = r.getReadIndexReply();
      return raft::ReadIndexReply{raft::ReadId(b.getId()), raft::Index(b.getIndex()),
                                  b.getRejected()};
    }
  }
  Require(false, "message: unknown kind");
  return raft::TimeoutNow{};
}

GroupMessage BodyReader::Read(schema::Message::Reader r) {
  return {GroupId(r.getGroup()),
          {NodeId(r.getFrom()), NodeId(r.getTo()), raft::Term(r.getTerm()), ReadBody(r)}};
}

Hello BodyReader::Read(schema::Frame::Hello::Reader r) {
  return {r.getProtocolVersion(),
          ClusterId(r.getCluster()),
          NodeId(r.getNode()),
          ShardId(r.getShard()),
          ReadEnum(r.getPurpose(), Purpose::kJoin, "hello: unknown purpose"),
          NodeId(r.getTo()),
          r.getDirectory(),
          r.getExpectedDirectory(),
          StringOf(r.getAddress()),
          r.getVersionMax()};
}

RaftMessages BodyReader::Read(capnp::List<schema::Message>::Reader r) {
  RaftMessages f;
  f.messages.reserve(r.size());
  for (schema::Message::Reader m : r) f.messages.push_back(Read(m));
  return f;
}

Forward BodyReader::Read(schema::Frame::Forward::Reader r) {
  Forward f{GroupId(r.getGroup()), SessionId(r.getSession()), RequestNumber(r.getAckedBelow()), {}};
  const auto items = r.getItems();
  f.items.reserve(items.size());
  PayloadMaker payloads(items.size());
  for (schema::Frame::Forward::Item::Reader item : items) {
    f.items.push_back({RequestNumber(item.getNumber()), payloads.Make(item.getPayload())});
  }
  return f;
}

ForwardRefused BodyReader::Read(schema::Frame::ForwardRefused::Reader r) {
  return {GroupId(r.getGroup()), SessionId(r.getSession()), ReadIds<RequestNumber>(r.getNumbers()),
          ReadEnum(r.getReason(), ForwardRefusal::kNoGroup, "forward refused: unknown reason"),
          NodeId(r.getLeader())};
}

SnapshotBegin BodyReader::Read(schema::Frame::SnapshotBegin::Reader r) {
  return {GroupId(r.getGroup()), Read(r.getMeta()), raft::Term(r.getTerm()), NodeId(r.getFrom()),
          r.getTransfer()};
}

SnapshotChunk BodyReader::Read(schema::Frame::SnapshotChunk::Reader r) {
  SnapshotChunk f{r.getSequence(), {}};
  const auto rows = r.getRows();
  f.rows.reserve(rows.size());
  for (schema::Frame::SnapshotChunk::Row::Reader row : rows) {
    f.rows.push_back({row.getColumn(), StringOf(row.getKey()), StringOf(row.getValue())});
  }
  return f;
}

Frame BodyReader::Read(schema::Frame::Reader r) {
  switch (r.which()) {
    case schema::Frame::HELLO:
      return Read(r.getHello());
    case schema::Frame::RAFT_MESSAGES:
      return Read(r.getRaftMessages());
    case schema::Frame::FORWARD:
      return Read(r.getForward());
    case schema::Frame::FORWARD_REFUSED:
      return Read(r.getForwardRefused());
    case schema::Frame::SNAPSHOT_BEGIN:
      return Read(r.getSnapshotBegin());
    case schema::Frame::SNAPSHOT_CHUNK:
      return Read(r.getSnapshotChunk());
    case schema::Frame::SNAPSHOT_RESUME:
      return SnapshotResume{r.getSnapshotResume().getChunk(), r.getSnapshotResume().getRows(),
                            r.getSnapshotResume().getChecksum()};
    case schema::Frame::SNAPSHOT_END:
      return SnapshotEnd{r.getSnapshotEnd().getRows(), r.getSnapshotEnd().getChecksum()};
    case schema::Frame::SNAPSHOT_RESULT:
      return SnapshotResult{r.getSnapshotResult().getOk(),
                            StringOf(r.getSnapshotResult().getError())};
    case schema::Frame::HELLO_ANSWER: {
      const auto b = r.getHelloAnswer();
      return HelloAnswer{
          ReadEnum(b.getRefusal(), HelloRefusal::kOtherDirectory, "hello answer: unknown reason"),
          StringOf(b.getError()), StringOf(b.getInfo())};
    }
  }
  Require(false, "frame: unknown kind");
  return Hello{};
}

GroupRecord BodyReader::Read(schema::LogBatch::GroupRecord::Reader r) {
  GroupRecord record;
  record.group = GroupId(r.getGroup());
  if (r.hasSnapshot()) record.snapshot = Read(r.getSnapshot());
  if (r.hasCompacted()) record.compacted = Read(r.getCompacted());
  record.entries = Read(r.getEntries());
  if (r.hasHardState()) record.hard_state = Read(r.getHardState());
  return record;
}

// Runs `read(BodyReader&, Root::Reader)` over the bytes. REQUIRES: they are aligned.
template <typename Root, typename Read>
auto ReadAligned(std::string_view bytes, const Read& read)
    -> absl::StatusOr<decltype(read(std::declval<BodyReader&>(),
                                    std::declval<typename Root::Reader>()))> {
  const kj::ArrayPtr<const word> segment(reinterpret_cast<const word*>(bytes.data()),
                                         bytes.size() / kAlignment);
  capnp::ReaderOptions options;
  // Whatever is legal is read once; pointers that share a target to look large are refused.
  options.traversalLimitInWords = 2 * segment.size() + 64;
  try {
    capnp::SegmentArrayMessageReader message(kj::arrayPtr(&segment, 1), options);
    BodyReader reader;
    auto value = read(reader, message.getRoot<Root>());
    if (!reader.status().ok()) return reader.status();
    return value;
  } catch (const kj::Exception& e) {
    return absl::InvalidArgumentError(
        absl::StrCat("malformed message: ", e.getDescription().cStr()));
  }
}

template <typename Root, typename Read>
auto ReadBytes(std::string_view bytes, const Read& read)
    -> decltype(ReadAligned<Root>(bytes, read)) {
  if (bytes.empty() || bytes.size() % kAlignment != 0) {
    return absl::InvalidArgumentError(absl::StrCat("message of ", bytes.size(), " bytes"));
  }
  if (reinterpret_cast<uintptr_t>(bytes.data()) % kAlignment == 0) {
    return ReadAligned<Root>(bytes, read);
  }
  std::vector<uint64_t> aligned(bytes.size() / kAlignment);
  std::memcpy(aligned.data(), bytes.data(), bytes.size());
  return ReadAligned<Root>({reinterpret_cast<const char*>(aligned.data()), bytes.size()}, read);
}

}  // namespace

absl::StatusOr<Frame> DecodeFrameBody(std::string_view body) {
  return ReadBytes<schema::Frame>(
      body, [](BodyReader& reader, schema::Frame::Reader root) { return reader.Read(root); });
}

absl::StatusOr<std::vector<GroupRecord>> DecodeLogBatch(std::string_view body) {
  return ReadBytes<schema::LogBatch>(body, [](BodyReader& reader, schema::LogBatch::Reader root) {
    std::vector<GroupRecord> records;
    const auto list = root.getRecords();
    records.reserve(list.size());
    for (schema::LogBatch::GroupRecord::Reader record : list) {
      records.push_back(reader.Read(record));
    }
    return records;
  });
}

absl::StatusOr<raft::Configuration> DecodeConfiguration(std::string_view bytes) {
  return ReadBytes<schema::Configuration>(
      bytes,
      [](BodyReader& reader, schema::Configuration::Reader root) { return reader.Read(root); });
}

absl::StatusOr<raft::SnapshotMeta> DecodeSnapshotMeta(std::string_view bytes) {
  return ReadBytes<schema::SnapshotMeta>(
      bytes,
      [](BodyReader& reader, schema::SnapshotMeta::Reader root) { return reader.Read(root); });
}

}  // namespace lockstep::wire
