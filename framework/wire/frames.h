// What nodes send to each other on a peer connection: one struct per kind, and Frame, any of them.
//
// Values; the bytes are codec.h's business and docs/formats.md has them.
#ifndef LOCKSTEP_FRAMEWORK_WIRE_FRAMES_H_
#define LOCKSTEP_FRAMEWORK_WIRE_FRAMES_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "framework/base/ids.h"
#include "framework/raft/message.h"

namespace lockstep::wire {

// What frames mean, beyond what their bytes are. Each connection has a version: that of its Hello.
//   2: data directories have names.
//   3: SnapshotBegin names its transfer, and SnapshotResume comes back. The log may hold an
//      agreement on a version.
inline constexpr uint32_t kProtocolVersion = 3;     // the newest that this code speaks
inline constexpr uint32_t kProtocolVersionMin = 2;  // the oldest: the release before can stay
inline constexpr uint32_t kResumingVersion = 3;
inline constexpr uint32_t kAgreeingVersion = 3;

// What a connection is for. Bulk never delays consensus: a snapshot has a connection of its own.
enum class Purpose : uint8_t {
  kRaft = 0,      // RaftMessages, Forward, ForwardRefused
  kSnapshot = 1,  // SnapshotBegin; SnapshotResume comes back; chunks, an end; SnapshotResult
  kJoin = 2,      // nothing more; a HelloAnswer with what a node that joins has to know comes back
};

// First on every connection, from the side that dialed.
struct Hello final {
  uint32_t protocol_version = kProtocolVersion;  // of what follows on this connection
  ClusterId cluster;                             // 0 with kJoin: not known yet
  NodeId node;                                   // who dials; 0 with kJoin
  ShardId shard;                                 // the shard of the dialed node that is meant
  Purpose purpose = Purpose::kRaft;
  NodeId to;                        // who is meant; 0 with kJoin
  uint64_t directory = 0;           // of the data directory of who dials
  uint64_t expected_directory = 0;  // of the dialed node, as who dials knows it; 0: does not
  std::string address;              // where who dials listens for the same shard
  // The newest that who dials speaks, whatever this connection's is. 0: it does not say, and it is
  // protocol_version.
  uint32_t version_max = 0;

  uint32_t newest() const { return version_max > 0 ? version_max : protocol_version; }
};

enum class HelloRefusal : uint8_t {
  kNone = 0,
  kUnreadable = 1,      // no Hello, or of another protocol version
  kOtherCluster = 2,    // this node belongs to another cluster
  kNotMeant = 3,        // this is another node, or another shard
  kRemoved = 4,         // who dials was a member and was removed, for good
  kOtherDirectory = 5,  // who dials is known under another data directory: it was wiped
};

// Comes back only if the connection is refused, or to kJoin. Nothing follows.
struct HelloAnswer final {
  HelloRefusal refusal = HelloRefusal::kNone;
  std::string error;  // for people
  std::string info;   // kJoin: framework/replica/member_list.h:JoinInfo
};

struct GroupMessage final {
  GroupId group;
  raft::Message message;
};

// Raft messages of any groups of one shard, in the order in which they were made.
struct RaftMessages final {
  std::vector<GroupMessage> messages;
};

// One proposal; `payload` is what the entry will hold, and is not null.
struct ForwardItem final {
  RequestNumber number;
  raft::Payload payload;
};

// A follower hands proposals of its session to the leader, in the order of their numbers.
struct Forward final {
  GroupId group;
  SessionId session;
  RequestNumber acked_below;  // answers to all smaller numbers have been received
  std::vector<ForwardItem> items;
};

enum class ForwardRefusal : uint8_t {
  kNotLeader = 0,     // `leader` may know better
  kTransferring = 1,  // leadership is being handed over
  kOverloaded = 2,    // a limit was reached; wait a little
  kNoGroup = 3,       // this node has no replica of the group
};

// These proposals were not appended and never will be under this forward.
struct ForwardRefused final {
  GroupId group;
  SessionId session;
  std::vector<RequestNumber> numbers;
  ForwardRefusal reason = ForwardRefusal::kNotLeader;
  NodeId leader;  // 0: unknown
};

struct SnapshotBegin final {
  GroupId group;
  raft::SnapshotMeta meta;
  raft::Term term;  // the sender's
  NodeId from;
  // Drawn by the sender, for all its attempts to deliver this very snapshot; 0: there is only one,
  // and no SnapshotResume comes back.
  uint64_t transfer = 0;
};

// The receiver's answer to SnapshotBegin: what it holds of this transfer already.
struct SnapshotResume final {
  uint64_t chunk = 0;     // the first that it lacks
  uint64_t rows = 0;      // of all before, as SnapshotEnd counts
  uint64_t checksum = 0;  // over them
};

struct SnapshotRow final {
  uint8_t column = 0;  // machine::Column
  std::string key;     // without the group's prefix
  std::string value;

  bool operator==(const SnapshotRow&) const = default;
};

struct SnapshotChunk final {
  uint64_t sequence = 0;  // from 0, without gaps
  std::vector<SnapshotRow> rows;
};

struct SnapshotEnd final {
  uint64_t rows = 0;      // of all chunks
  uint64_t checksum = 0;  // over all rows, as the driver defines it
};

// The receiver's verdict; after `ok` the data is durable there.
struct SnapshotResult final {
  bool ok = false;
  std::string error;  // for people; empty when ok
};

using Frame = std::variant<Hello, RaftMessages, Forward, ForwardRefused, SnapshotBegin,
                           SnapshotChunk, SnapshotEnd, SnapshotResult, HelloAnswer, SnapshotResume>;

}  // namespace lockstep::wire

#endif  // LOCKSTEP_FRAMEWORK_WIRE_FRAMES_H_
