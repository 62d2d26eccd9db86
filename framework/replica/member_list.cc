#include "framework/replica/member_list.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "framework/base/check.h"
#include "framework/replica/member_codec.h"

namespace lockstep::replica {
namespace {

constexpr uint8_t kListVersion = 1;

template <typename List>
auto* FindIn(List& members, NodeId id) {
  const auto at = std::lower_bound(members.begin(), members.end(), id,
                                   [](const Member& m, NodeId wanted) { return m.id < wanted; });
  return at != members.end() && at->id == id ? &*at : nullptr;
}

absl::Status Malformed(const char* what) {
  return absl::InvalidArgumentError(std::string("malformed ") + what);
}

bool AreOrdered(const std::vector<Member>& members) {
  NodeId last;
  for (const Member& member : members) {
    if (member.id <= last) return false;
    last = member.id;
  }
  return true;
}

void WriteMembers(MemberWriter& out, const std::vector<Member>& members) {
  out.List(members, [&](const Member& member) { out.Write(member); });
}

std::vector<Member> ReadMembers(MemberReader& in) {
  std::vector<Member> members;
  in.List([&] { members.push_back(in.ReadMember()); });
  return members;
}

void WriteList(MemberWriter& out, const MemberList& list) {
  out.U8(kListVersion);
  out.U64(list.version);
  WriteMembers(out, list.members);
  out.List(list.removed, [&](const RemovedMember& removed) {
    out.Write(removed.member);
    out.List(removed.until, [&](NodeId id) { out.U64(id.value()); });
  });
  WriteMembers(out, list.initial);
}

// Nothing if what was read is no list. The reader may be bad all the same.
std::optional<MemberList> ReadList(MemberReader& in) {
  MemberList list;
  if (in.U8() != kListVersion) return std::nullopt;
  list.version = in.U64();
  list.members = ReadMembers(in);
  in.List([&] {
    RemovedMember removed;
    removed.member = in.ReadMember();
    in.List([&] { removed.until.emplace_back(in.U64()); });
    list.removed.push_back(std::move(removed));
  });
  list.initial = ReadMembers(in);
  if (!AreOrdered(list.members) || !AreOrdered(list.initial)) return std::nullopt;
  return list;
}

}  // namespace

// --- codec

void MemberWriter::U64(uint64_t value) {
  char raw[8];
  std::memcpy(raw, &value, 8);
  bytes_.append(raw, 8);
}

void MemberWriter::String(std::string_view value) {
  U64(value.size());
  bytes_.append(value);
}

void MemberWriter::Write(const Member& member) {
  U64(member.id.value());
  String(member.name);
  List(member.peers, [&](const runtime::Address& address) { String(address); });
  List(member.client_urls, [&](const std::string& url) { String(url); });
  U8(member.is_learner ? 1 : 0);
  List(member.directories, [&](uint64_t directory) { U64(directory); });
}

std::string_view MemberReader::Cut(size_t bytes) {
  if (!is_good_ || bytes > left_.size()) {
    is_good_ = false;
    return {};
  }
  const std::string_view cut = left_.substr(0, bytes);
  left_.remove_prefix(bytes);
  return cut;
}

uint8_t MemberReader::U8() {
  const std::string_view raw = Cut(1);
  return raw.empty() ? 0 : static_cast<uint8_t>(raw[0]);
}

uint64_t MemberReader::U64() {
  const std::string_view raw = Cut(8);
  uint64_t value = 0;
  if (!raw.empty()) std::memcpy(&value, raw.data(), 8);
  return value;
}

std::string MemberReader::String() {
  const uint64_t size = U64();
  return std::string(Cut(size));
}

Member MemberReader::ReadMember() {
  Member member;
  member.id = NodeId(U64());
  member.name = String();
  List([&] { member.peers.push_back(String()); });
  List([&] { member.client_urls.push_back(String()); });
  member.is_learner = U8() != 0;
  List([&] { member.directories.push_back(U64()); });
  return member;
}

// --- values

bool Member::has_started() const {
  if (directories.size() < peers.size()) return false;
  return std::find(directories.begin(), directories.end(), uint64_t{0}) == directories.end();
}

const Member* MemberList::Find(NodeId id) const { return FindIn(members, id); }
Member* MemberList::Find(NodeId id) { return FindIn(members, id); }

const RemovedMember* MemberList::FindRemoved(NodeId id) const {
  for (const RemovedMember& one : removed) {
    if (one.member.id == id) return &one;
  }
  return nullptr;
}

const Member* MemberList::FindAny(NodeId id) const {
  if (const Member* member = Find(id)) return member;
  const RemovedMember* gone = FindRemoved(id);
  return gone == nullptr ? nullptr : &gone->member;
}

MemberList InitialList(std::vector<Member> initial) {
  std::sort(initial.begin(), initial.end(),
            [](const Member& a, const Member& b) { return a.id < b.id; });
  CHECK(AreOrdered(initial)) << "two initial members with one id";
  MemberList list;
  list.members = initial;
  list.initial = std::move(initial);
  return list;
}

std::string EncodeMembers(const std::vector<Member>& members) {
  MemberWriter out;
  WriteMembers(out, members);
  return out.Take();
}

std::string EncodeMemberList(const MemberList& list) {
  MemberWriter out;
  WriteList(out, list);
  return out.Take();
}

std::string EncodeJoinInfo(const JoinInfo& info) {
  MemberWriter out;
  out.U64(info.cluster.value());
  WriteList(out, info.list);
  return out.Take();
}

absl::StatusOr<std::vector<Member>> DecodeMembers(std::string_view bytes) {
  MemberReader in(bytes);
  std::vector<Member> members = ReadMembers(in);
  if (!in.done() || !AreOrdered(members)) return Malformed("members");
  return members;
}

absl::StatusOr<MemberList> DecodeMemberList(std::string_view bytes) {
  MemberReader in(bytes);
  std::optional<MemberList> list = ReadList(in);
  if (!list || !in.done()) return Malformed("list of members");
  return *std::move(list);
}

absl::StatusOr<JoinInfo> DecodeJoinInfo(std::string_view bytes) {
  MemberReader in(bytes);
  const ClusterId cluster(in.U64());
  std::optional<MemberList> list = ReadList(in);
  if (!list || !in.done()) return Malformed("answer to a node that joins");
  return JoinInfo{cluster, *std::move(list)};
}

}  // namespace lockstep::replica
