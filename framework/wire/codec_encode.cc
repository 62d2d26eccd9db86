#include <capnp/message.h>

#include <utility>

#include "framework/base/check.h"
#include "framework/base/limits.h"
#include "framework/wire/codec.h"
#include "framework/wire/frame_format.h"
#include "framework/wire/raft.capnp.h"

namespace lockstep::wire {
namespace {

using capnp::word;
static_assert(sizeof(word) == kAlignment);

// Words of structs and of list elements in the schema: data and pointer section. One more for the
// tag of a list of structs is added where the list is.
constexpr size_t kRootWords = 8;
constexpr size_t kConfigurationWords = 4;
constexpr size_t kSnapshotMetaWords = 4 + kConfigurationWords;
constexpr size_t kHardStateWords = 4;
constexpr size_t kEntryWords = 6;
constexpr size_t kMessageWords = 12;  // the message and the largest struct of its union
constexpr size_t kGroupRecordWords = 5;
constexpr size_t kRowWords = 3;
constexpr size_t kForwardItemWords = 2;

constexpr size_t DataWords(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment; }

size_t Words(const raft::Configuration& c) {
  return kConfigurationWords + c.voters.size() + c.outgoing.size() + c.learners.size() +
         c.learners_next.size();
}
size_t Words(const raft::SnapshotMeta& m) { return kSnapshotMetaWords + Words(m.configuration); }
size_t Words(const raft::Entry& e) {
  size_t words = kEntryWords;
  if (e.payload) words += DataWords(e.payload->size());
  if (e.kind == raft::EntryKind::kConfiguration) words += Words(*e.configuration);
  return words;
}
size_t Words(const std::vector<raft::Entry>& entries) {
  size_t words = 1;
  for (const raft::Entry& e : entries) words += Words(e);
  return words;
}
size_t Words(const GroupMessage& m) {
  size_t words = kMessageWords;
  if (const auto* a = std::get_if<raft::AppendRequest>(&m.message.body)) words += Words(a->entries);
  if (const auto* i = std::get_if<raft::InstallSnapshot>(&m.message.body)) words += Words(i->meta);
  return words;
}
size_t Words(const ForwardItem& i) { return kForwardItemWords + DataWords(i.payload->size()); }
size_t Words(const SnapshotRow& r) {
  return kRowWords + DataWords(r.key.size()) + DataWords(r.value.size());
}
size_t Words(const GroupRecord& r) {
  size_t words = kGroupRecordWords + kHardStateWords + Words(r.entries);
  if (r.snapshot) words += Words(*r.snapshot);
  if (r.compacted) words += Words(*r.compacted);
  return words;
}

template <typename T>
size_t WordsOfAll(const T& items) {
  size_t words = 1;
  for (const auto& item : items) words += Words(item);
  return words;
}

struct FrameWords final {
  size_t operator()(const Hello& f) const { return 8 + DataWords(f.address.size()); }
  size_t operator()(const RaftMessages& f) const { return WordsOfAll(f.messages); }
  size_t operator()(const Forward& f) const { return 4 + WordsOfAll(f.items); }
  size_t operator()(const ForwardRefused& f) const { return 6 + f.numbers.size(); }
  size_t operator()(const SnapshotBegin& f) const { return 5 + Words(f.meta); }
  size_t operator()(const SnapshotResume&) const { return 3; }
  size_t operator()(const SnapshotChunk& f) const { return 2 + WordsOfAll(f.rows); }
  size_t operator()(const SnapshotEnd&) const { return 2; }
  size_t operator()(const SnapshotResult& f) const { return 2 + DataWords(f.error.size()); }
  size_t operator()(const HelloAnswer& f) const {
    return 3 + DataWords(f.error.size()) + DataWords(f.info.size());
  }
};

// Builds a message right in the output, which must be zeroed; nothing is allocated or copied again.
class InPlaceBuilder final : public capnp::MessageBuilder {
 public:
  InPlaceBuilder(char* at, size_t words) : space_(reinterpret_cast<word*>(at), words) {
    CHECK_EQ(reinterpret_cast<uintptr_t>(at) % kAlignment, 0u);
  }
  kj::ArrayPtr<word> allocateSegment(uint minimum_words) override {
    CHECK(!taken_) << "the bound of " << space_.size() << " words was too small";
    CHECK_LE(size_t{minimum_words}, space_.size());
    taken_ = true;
    return space_;
  }
  size_t words_used() {
    const auto segments = getSegmentsForOutput();
    CHECK_EQ(segments.size(), 1u);
    return segments[0].size();
  }

 private:
  kj::ArrayPtr<word> space_;
  bool taken_ = false;
};

// Appends to `out` a message of at most `words`, which `fill` makes. Returns its size in bytes.
template <typename Root, typename Fill>
size_t AppendMessage(size_t words, std::string* out, const Fill& fill) {
  const size_t start = out->size();
  CHECK_EQ(start % kAlignment, 0u);
  out->resize(start + words * kAlignment);
  size_t used_bytes = 0;
  {
    InPlaceBuilder builder(out->data() + start, words);
    fill(builder.initRoot<Root>());
    used_bytes = builder.words_used() * kAlignment;
  }
  out->resize(start + used_bytes);
  return used_bytes;
}

capnp::uint Count(size_t n) {
  CHECK_LT(n, size_t{1} << 29);
  return static_cast<capnp::uint>(n);
}

capnp::Data::Reader DataOf(const std::string& s) {
  return {reinterpret_cast<const kj::byte*>(s.data()), s.size()};
}

template <typename Ids, typename List>
void FillIds(const Ids& ids, List list) {
  for (capnp::uint i = 0; i < list.size(); ++i) list.set(i, ids[i].value());
}

void Fill(const raft::Configuration& c, schema::Configuration::Builder b) {
  if (!c.voters.empty()) FillIds(c.voters, b.initVoters(Count(c.voters.size())));
  if (!c.outgoing.empty()) FillIds(c.outgoing, b.initOutgoing(Count(c.outgoing.size())));
  if (!c.learners.empty()) FillIds(c.learners, b.initLearners(Count(c.learners.size())));
  if (!c.learners_next.empty()) {
    FillIds(c.learners_next, b.initLearnersNext(Count(c.learners_next.size())));
  }
}

void Fill(const raft::SnapshotMeta& m, schema::SnapshotMeta::Builder b) {
  b.setIndex(m.index.value());
  b.setTerm(m.term.value());
  b.setTimestampNs(m.timestamp_ns);
  Fill(m.configuration, b.initConfiguration());
}

void Fill(const raft::Entry& e, schema::Entry::Builder b) {
  b.setTerm(e.term.value());
  b.setIndex(e.index.value());
  b.setTimestampNs(e.timestamp_ns);
  b.setKind(static_cast<uint8_t>(e.kind));
  if (e.payload) b.setPayload(DataOf(*e.payload));
  if (e.kind == raft::EntryKind::kConfiguration) Fill(*e.configuration, b.initConfiguration());
}

void Fill(const std::vector<raft::Entry>& entries, capnp::List<schema::Entry>::Builder b) {
  for (capnp::uint i = 0; i < b.size(); ++i) Fill(entries[i], b[i]);
}

// One overload per kind of message.
struct FillBody final {
  schema::Message::Builder out;

  void operator()(const raft::VoteRequest& m) {
    auto b = out.initVoteRequest();
    b.setPreVote(m.pre_vote);
    b.setLeaderTransfer(m.leader_transfer);
    b.setLastIndex(m.last_index.value());
    b.setLastTerm(m.last_term.value());
    b.setCommit(m.commit.value());
    b.setCommitTerm(m.commit_term.value());
  }
  void operator()(const raft::VoteReply& m) {
    auto b = out.initVoteReply();
    b.setPreVote(m.pre_vote);
    b.setGranted(m.granted);
    b.setCommit(m.commit.value());
    b.setCommitTerm(m.commit_term.value());
  }
  void operator()(const raft::AppendRequest& m) {
    auto b = out.initAppendRequest();
    b.setPrevIndex(m.prev_index.value());
    b.setPrevTerm(m.prev_term.value());
    b.setCommit(m.commit.value());
    if (!m.entries.empty()) Fill(m.entries, b.initEntries(Count(m.entries.size())));
  }
  void operator()(const raft::AppendReply& m) {
    auto b = out.initAppendReply();
    b.setRejected(m.rejected);
    b.setIndex(m.index.value());
    b.setHintIndex(m.hint_index.value());
    b.setHintTerm(m.hint_term.value());
    b.setLogLost(m.log_lost);
  }
  void operator()(const raft::Heartbeat& m) {
    auto b = out.initHeartbeat();
    b.setCommit(m.commit.value());
    b.setRead(m.read);
    b.setLastIndex(m.last_index.value());
    b.setStampNs(m.stamp_ns);
    b.setQuiesce(m.quiesce);
  }
  void operator()(const raft::HeartbeatReply& m) {
    auto b = out.initHeartbeatReply();
    b.setRead(m.read);
    b.setWantsSnapshot(m.wants_snapshot.value());
    b.setStampNs(m.stamp_ns);
    b.setPromiseNs(m.promise_ns);
    b.setPriority(m.priority);
    b.setAwake(m.awake);
  }
  void operator()(const raft::InstallSnapshot& m) { Fill(m.meta, out.initInstallSnapshot()); }
  void operator()(const raft::TimeoutNow&) { out.setTimeoutNow(); }
  void operator()(const raft::ReadIndexRequest& m) {
    out.initReadIndexRequest().setId(m.id.value());
  }
  void operator()(const raft::ReadIndexReply& m) {
    auto b = out.initReadIndexReply();
    b.setId(m.id.value());
    b.setIndex(m.index.value());
    b.setRejected(m.rejected);
  }
};

void Fill(const GroupMessage& m, schema::Message::Builder b) {
  b.setGroup(m.group.value());
  b.setFrom(m.message.from.value());
  b.setTo(m.message.to.value());
  b.setTerm(m.message.term.value());
  std::visit(FillBody{b}, m.message.body);
}

// One overload per kind of frame.
struct FillFrame final {
  schema::Frame::Builder out;

  void operator()(const Hello& f) {
    auto b = out.initHello();
    b.setProtocolVersion(f.protocol_version);
    b.setCluster(f.cluster.value());
    b.setNode(f.node.value());
    b.setShard(f.shard.value());
    b.setPurpose(static_cast<uint8_t>(f.purpose));
    b.setTo(f.to.value());
    b.setDirectory(f.directory);
    b.setExpectedDirectory(f.expected_directory);
    b.setAddress(DataOf(f.address));
    b.setVersionMax(f.version_max);
  }
  void operator()(const RaftMessages& f) {
    auto list = out.initRaftMessages(Count(f.messages.size()));
    for (capnp::uint i = 0; i < list.size(); ++i) Fill(f.messages[i], list[i]);
  }
  void operator()(const Forward& f) {
    auto b = out.initForward();
    b.setGroup(f.group.value());
    b.setSession(f.session.value());
    b.setAckedBelow(f.acked_below.value());
    auto list = b.initItems(Count(f.items.size()));
    for (capnp::uint i = 0; i < list.size(); ++i) {
      list[i].setNumber(f.items[i].number.value());
      list[i].setPayload(DataOf(*f.items[i].payload));
    }
  }
  void operator()(const ForwardRefused& f) {
    auto b = out.initForwardRefused();
    b.setGroup(f.group.value());
    b.setSession(f.session.value());
    FillIds(f.numbers, b.initNumbers(Count(f.numbers.size())));
    b.setReason(static_cast<uint8_t>(f.reason));
    b.setLeader(f.leader.value());
  }
  void operator()(const SnapshotBegin& f) {
    auto b = out.initSnapshotBegin();
    b.setGroup(f.group.value());
    Fill(f.meta, b.initMeta());
    b.setTerm(f.term.value());
    b.setFrom(f.from.value());
    b.setTransfer(f.transfer);
  }
  void operator()(const SnapshotResume& f) {
    auto b = out.initSnapshotResume();
    b.setChunk(f.chunk);
    b.setRows(f.rows);
    b.setChecksum(f.checksum);
  }
  void operator()(const SnapshotChunk& f) {
    auto b = out.initSnapshotChunk();
    b.setSequence(f.sequence);
    auto list = b.initRows(Count(f.rows.size()));
    for (capnp::uint i = 0; i < list.size(); ++i) {
      list[i].setColumn(f.rows[i].column);
      list[i].setKey(DataOf(f.rows[i].key));
      list[i].setValue(DataOf(f.rows[i].value));
    }
  }
  void operator()(const SnapshotEnd& f) {
    auto b = out.initSnapshotEnd();
    b.setRows(f.rows);
    b.setChecksum(f.checksum);
  }
  void operator()(const SnapshotResult& f) {
    auto b = out.initSnapshotResult();
    b.setOk(f.ok);
    b.setError(DataOf(f.error));
  }
  void operator()(const HelloAnswer& f) {
    auto b = out.initHelloAnswer();
    b.setRefusal(static_cast<uint8_t>(f.refusal));
    b.setError(DataOf(f.error));
    b.setInfo(DataOf(f.info));
  }
};

void Fill(const GroupRecord& r, schema::LogBatch::GroupRecord::Builder b) {
  b.setGroup(r.group.value());
  if (r.snapshot) Fill(*r.snapshot, b.initSnapshot());
  if (r.compacted) Fill(*r.compacted, b.initCompacted());
  if (!r.entries.empty()) Fill(r.entries, b.initEntries(Count(r.entries.size())));
  if (r.hard_state) {
    auto h = b.initHardState();
    h.setTerm(r.hard_state->term.value());
    h.setVote(r.hard_state->vote.value());
    h.setCommit(r.hard_state->commit.value());
    h.setAbstains(r.hard_state->abstains);
  }
}

}  // namespace

size_t EncodedBytesMax(const GroupMessage& message) { return Words(message) * kAlignment; }
size_t EncodedBytesMax(const ForwardItem& item) { return Words(item) * kAlignment; }
size_t EncodedBytesMax(const SnapshotRow& row) { return Words(row) * kAlignment; }

void EncodeFrame(const Frame& frame, std::string* out) {
  static_assert(sizeof(FrameHeader) + (kRootWords + 8) * kAlignment <= kFrameOverheadBytesMax);
  const size_t start = out->size();
  CHECK_EQ(start % kAlignment, 0u);
  out->resize(start + sizeof(FrameHeader));
  const size_t words = kRootWords + std::visit(FrameWords(), frame);
  const size_t body_bytes = AppendMessage<schema::Frame>(
      words, out, [&](schema::Frame::Builder root) { std::visit(FillFrame{root}, frame); });
  CHECK_LE(sizeof(FrameHeader) + body_bytes, limits::kPeerFrameBytesMax);
  FrameHeader header{static_cast<uint32_t>(body_bytes), kFrameMagic, kFrameVersion, 0};
  const std::string_view body(out->data() + start + sizeof(header), body_bytes);
  header.checksum = FrameChecksum(header, body);
  std::memcpy(out->data() + start, &header, sizeof(header));
}

void EncodeLogBatch(absl::Span<const GroupRecord> records, std::string* out) {
  AppendMessage<schema::LogBatch>(kRootWords + WordsOfAll(records), out,
                                  [&](schema::LogBatch::Builder root) {
                                    auto list = root.initRecords(Count(records.size()));
                                    for (capnp::uint i = 0; i < list.size(); ++i)
                                      Fill(records[i], list[i]);
                                  });
}

std::string EncodeConfiguration(const raft::Configuration& configuration) {
  std::string out;
  AppendMessage<schema::Configuration>(
      1 + Words(configuration), &out,
      [&](schema::Configuration::Builder root) { Fill(configuration, root); });
  return out;
}

std::string EncodeSnapshotMeta(const raft::SnapshotMeta& meta) {
  std::string out;
  AppendMessage<schema::SnapshotMeta>(
      1 + Words(meta), &out, [&](schema::SnapshotMeta::Builder root) { Fill(meta, root); });
  return out;
}

}  // namespace lockstep::wire
