// Every maximum in the system, and how the maxima relate. A full queue refuses; it never grows.
#ifndef LOCKSTEP_FRAMEWORK_BASE_LIMITS_H_
#define LOCKSTEP_FRAMEWORK_BASE_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace lockstep::limits {

// A client request, as etcd (1.5 MiB), and the gRPC frame that carries it.
inline constexpr size_t kRequestBytesMax = 1'572'864;
inline constexpr size_t kGrpcMessageBytesMax = kRequestBytesMax + 512 * 1024;

// One Raft entry: a request and its envelope.
inline constexpr size_t kEntryBytesMax = kGrpcMessageBytesMax + 64 * 1024;
// Payload bytes of one append message; a single larger entry still travels alone.
inline constexpr size_t kAppendBytesMax = 1024 * 1024;
// Appended but not yet acknowledged bytes and messages per follower.
inline constexpr size_t kInflightBytesMax = 16 * 1024 * 1024;
inline constexpr size_t kInflightMessagesMax = 256;
// One frame between peers.
inline constexpr size_t kPeerFrameBytesMax = 8 * 1024 * 1024;
// Bytes waiting to be written to one peer; beyond it messages are dropped, as a network would.
inline constexpr size_t kPeerQueueBytesMax = 40 * 1024 * 1024;
// What of it is encoded at a time, save for a single larger frame.
inline constexpr size_t kPeerWriteBytesMax = 2 * 1024 * 1024;

// Proposals accepted by one group and not yet applied; beyond either, refuse ("too many requests").
inline constexpr size_t kPendingProposalsMax = 10'000;
inline constexpr size_t kPendingProposalBytesMax = 32 * 1024 * 1024;
// Committed entries handed to one apply batch.
inline constexpr size_t kApplyBatchEntriesMax = 1024;
inline constexpr size_t kApplyBatchBytesMax = 4 * 1024 * 1024;

// Log bytes kept of one group before a flush of the state is asked for. Of these: as many as refuse
// proposals, if they are not flushed; as many as a follower takes and has not flushed, which tells
// its leader to wait; as many as are kept for followers that lag, or are sent a snapshot; as many
// as there may be in all.
inline constexpr size_t kLogBytesRetained = 12 * 1024 * 1024;
inline constexpr size_t kLogFull = 4;
inline constexpr size_t kLogFullForFollowers = 6;
inline constexpr size_t kLogKeptForFollowers = 8;
inline constexpr size_t kLogHeldMax = kLogKeptForFollowers + kLogFull;

// Concurrent client connections of a node, calls of one connection, bytes queued to one client.
inline constexpr size_t kClientConnectionsMax = 4096;
inline constexpr uint32_t kConcurrentStreamsMax = 4096;
inline constexpr size_t kClientQueueBytesMax = 8 * 1024 * 1024;
// Of all clients of a shard together: requests held, responses queued or being made, and the part
// of single responses that is beyond kClientQueueBytesMax.
inline constexpr size_t kRequestBytesHeldMax = 64 * 1024 * 1024;
inline constexpr size_t kResponseBytesHeldMax = 32 * 1024 * 1024;
inline constexpr size_t kResponseOverflowBytesMax = 256 * 1024 * 1024;
// What is set aside for a response of unknown size while it is made.
inline constexpr size_t kResponseRoomBytes = 1024 * 1024;

static_assert(kEntryBytesMax > kGrpcMessageBytesMax, "an entry holds any request");
static_assert(kPeerFrameBytesMax > kEntryBytesMax + kAppendBytesMax, "a frame holds any append");
static_assert(kPeerQueueBytesMax > 2 * kPeerFrameBytesMax, "a peer queue holds any frame");
static_assert(kPeerWriteBytesMax <= kPeerFrameBytesMax / 2, "what is written together is a frame");
static_assert(kPeerQueueBytesMax > kPendingProposalBytesMax, "what waits can be forwarded");
static_assert(kLogKeptForFollowers < kLogHeldMax, "no follower makes a leader refuse for ever");
static_assert(kLogFull < kLogFullForFollowers, "who leads next may be behind, and is not stuck");
static_assert(kClientQueueBytesMax >= kResponseRoomBytes, "a client may have a response made");
static_assert(kResponseBytesHeldMax > 2 * kClientQueueBytesMax, "one client does not fill a node");
static_assert(kRequestBytesHeldMax > 16 * kGrpcMessageBytesMax, "large requests are served");
static_assert(kInflightBytesMax > kAppendBytesMax, "replication can be pipelined");

}  // namespace lockstep::limits

#endif  // LOCKSTEP_FRAMEWORK_BASE_LIMITS_H_
