#include "framework/wire/codec.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "absl/strings/escaping.h"
#include "framework/base/limits.h"
#include "framework/wire/frame_format.h"
#include "tests/framework/wire/arbitrary.h"
#include "tests/framework/wire/frame_text.h"

namespace lockstep::wire {
namespace {

constexpr size_t kKinds = std::variant_size_v<Frame>;

std::string Encoded(const Frame& frame) {
  std::string out;
  EncodeFrame(frame, &out);
  return out;
}

// What a decoder that is given all of `bytes` says first.
absl::StatusOr<std::optional<Frame>> First(std::string_view bytes) {
  FrameDecoder decoder;
  decoder.Feed(bytes);
  return decoder.Next();
}

// A frame around any body, with a good checksum.
std::string Framed(std::string_view body) {
  FrameHeader header{static_cast<uint32_t>(body.size()), kFrameMagic, kFrameVersion, 0};
  header.checksum = FrameChecksum(header, body);
  std::string out(reinterpret_cast<const char*>(&header), sizeof(header));
  out.append(body);
  return out;
}

bool IsOkOrMalformed(const absl::Status& status) {
  return status.ok() || absl::IsInvalidArgument(status);
}

RC_GTEST_PROP(Codec, EveryFrameComesBackAsItWas, (uint64_t seed)) {
  for (size_t kind = 0; kind < kKinds; ++kind) {
    const Frame frame = Arbitrary(seed).AnyFrame(kind);
    RC_ASSERT(frame.index() == kind);
    const auto decoded = First(Encoded(frame));
    RC_ASSERT(decoded.ok());
    RC_ASSERT(decoded->has_value());
    RC_ASSERT(FrameText::Of(**decoded) == FrameText::Of(frame));
  }
}

RC_GTEST_PROP(Codec, EveryLogBatchComesBackAsItWas, (uint64_t seed)) {
  const std::vector<GroupRecord> batch = Arbitrary(seed).Batch();
  std::string body;
  EncodeLogBatch(batch, &body);
  const auto decoded = DecodeLogBatch(body);
  RC_ASSERT(decoded.ok());
  RC_ASSERT(FrameText::Of(*decoded) == FrameText::Of(batch));
}

RC_GTEST_PROP(Codec, ConfigurationsAndMetasComeBackAndEqualOnesHaveEqualBytes, (uint64_t seed)) {
  const raft::SnapshotMeta meta = Arbitrary(seed).Meta();
  const std::string bytes = EncodeSnapshotMeta(meta);
  RC_ASSERT(bytes == EncodeSnapshotMeta(raft::SnapshotMeta(meta)));
  RC_ASSERT(*DecodeSnapshotMeta(bytes) == meta);
  // From an odd address, too.
  const std::string shifted = "x" + EncodeConfiguration(meta.configuration);
  RC_ASSERT(*DecodeConfiguration(std::string_view(shifted).substr(1)) == meta.configuration);
}

RC_GTEST_PROP(FrameDecoder, TakesFramesFromAnyPieces, (uint64_t seed)) {
  Arbitrary arbitrary(seed);
  std::string bytes;
  std::vector<std::string> expected;
  for (int i = 0; i < 5; ++i) {
    const Frame frame = arbitrary.AnyFrame(arbitrary.Below(kKinds));
    EncodeFrame(frame, &bytes);
    expected.push_back(FrameText::Of(frame));
  }
  FrameDecoder decoder;
  std::vector<std::string> got;
  for (std::string_view rest = bytes; !rest.empty();) {
    const size_t n = std::min<size_t>(1 + arbitrary.Below(30), rest.size());
    decoder.Feed(rest.substr(0, n));
    rest.remove_prefix(n);
    for (auto frame = decoder.Next(); frame->has_value(); frame = decoder.Next()) {
      got.push_back(FrameText::Of(**frame));
    }
  }
  RC_ASSERT(got == expected);
  RC_ASSERT(decoder.buffered_bytes() == 0u);
}

RC_GTEST_PROP(FrameDecoder, NoFlippedByteEverPasses, (uint64_t seed)) {
  Arbitrary arbitrary(seed);
  const std::string bytes = Encoded(arbitrary.AnyFrame(arbitrary.Below(kKinds)));
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ (1 << arbitrary.Below(8)));
    const auto frame = First(bad);
    // A longer length in the header asks for more bytes; anything else is an error.
    const bool refused = !frame.ok() || (!frame->has_value() && i < 4);
    RC_ASSERT(refused);
  }
}

RC_GTEST_PROP(FrameDecoder, NoPrefixOfAFrameIsAFrame, (uint64_t seed)) {
  Arbitrary arbitrary(seed);
  const std::string bytes = Encoded(arbitrary.AnyFrame(arbitrary.Below(kKinds)));
  for (size_t n = 0; n < bytes.size(); ++n) {
    const auto frame = First(std::string_view(bytes).substr(0, n));
    RC_ASSERT(frame.ok());
    RC_ASSERT(!frame->has_value());
  }
}

// An attacker, or a broken peer, has good checksums.
RC_GTEST_PROP(Codec, DamagedBodiesAreRefusedOrDecodedButNeverCrash, (uint64_t seed)) {
  Arbitrary arbitrary(seed);
  const std::string bytes = Encoded(arbitrary.AnyFrame(arbitrary.Below(kKinds)));
  const std::string body = bytes.substr(sizeof(FrameHeader));
  for (size_t i = 0; i < body.size(); ++i) {
    std::string bad = body;
    bad[i] = static_cast<char>(arbitrary.Below(256));
    const auto frame = First(Framed(bad));
    RC_ASSERT(IsOkOrMalformed(frame.status()));
    if (frame.ok()) Encoded(**frame);
    const auto cut = First(Framed(std::string_view(body).substr(0, i / 8 * 8)));
    RC_ASSERT(IsOkOrMalformed(cut.status()));
  }
}

RC_GTEST_PROP(Codec, DamagedLogBatchesAreRefusedOrDecodedButNeverCrash, (uint64_t seed)) {
  Arbitrary arbitrary(seed);
  std::string body;
  EncodeLogBatch(arbitrary.Batch(), &body);
  for (size_t i = 0; i < body.size(); ++i) {
    std::string bad = body;
    bad[i] = static_cast<char>(arbitrary.Below(256));
    const auto batch = DecodeLogBatch(bad);
    RC_ASSERT(IsOkOrMalformed(batch.status()));
    if (i % 8 != 0) RC_ASSERT(!DecodeLogBatch(std::string_view(body).substr(0, i)).ok());
  }
}

RC_GTEST_PROP(Codec, BoundsOfPartsAddUpToTheFrame, (uint64_t seed)) {
  Arbitrary arbitrary(seed);
  RaftMessages messages;
  size_t bound = kFrameOverheadBytesMax;
  for (int i = 0; i < 20; ++i) {
    messages.messages.push_back(arbitrary.Message());
    bound += EncodedBytesMax(messages.messages.back());
  }
  const size_t bytes = Encoded(messages).size();
  RC_ASSERT(bytes <= bound);
}

// The example in docs/formats.md.
TEST(Codec, WritesTheDocumentedBytes) {
  const raft::Message message{NodeId(1), NodeId(2), raft::Term(3),
                              raft::Heartbeat{raft::Index(9), 4, raft::Index(12)}};
  const std::string bytes = Encoded(RaftMessages{{{GroupId(5), message}}});
  EXPECT_EQ(absl::BytesToHexString(bytes),
            "78000000504c010075d54a0022f6c8b8"
            "00000000010001000100000000000000"
            "01000000370000000400000005000100"
            "05000000000000000100000000000000"
            "02000000000000000300000000000000"
            "04000000000000000000000005000000"
            "09000000000000000400000000000000"
            "0c000000000000000000000000000000"
            "0000000000000000");
}

TEST(FrameDecoder, RefusesALargeFrameBeforeReadingIt) {
  FrameHeader header{static_cast<uint32_t>(limits::kPeerFrameBytesMax), kFrameMagic, kFrameVersion,
                     0};
  const auto frame = First({reinterpret_cast<const char*>(&header), sizeof(header)});
  EXPECT_TRUE(absl::IsInvalidArgument(frame.status())) << frame.status();
}

TEST(FrameDecoder, SaysThatAPeerSpeaksAnotherVersion) {
  std::string bytes = Encoded(Hello{});
  bytes[6] = 9;
  const auto frame = First(bytes);
  EXPECT_TRUE(absl::IsFailedPrecondition(frame.status()));
  EXPECT_EQ(frame.status().message(), "peer frame of version 9, this node speaks 1");
}

TEST(FrameDecoder, StaysFailedAfterAnError) {
  FrameDecoder decoder;
  decoder.Feed("GET / HTTP/1.1\r\n\r\n");
  EXPECT_FALSE(decoder.Next().ok());
  decoder.Feed(Encoded(Hello{}));
  EXPECT_FALSE(decoder.Next().ok());
}

TEST(Codec, RefusesWhatTheCoreCouldNotBear) {
  raft::AppendRequest append;
  append.entries.resize(2);
  append.entries[0].index = raft::Index(1);
  append.entries[1].index = raft::Index(3);
  const auto gap = First(Encoded(RaftMessages{{{GroupId(1), {NodeId(1), NodeId(2), {}, append}}}}));
  EXPECT_EQ(gap.status().message(), "entries: not contiguous");
  raft::Configuration twice;
  twice.voters = {NodeId(2), NodeId(2)};
  EXPECT_FALSE(DecodeConfiguration(EncodeConfiguration(twice)).ok());
  raft::Configuration both;
  both.voters = both.learners = {NodeId(2)};
  EXPECT_FALSE(DecodeConfiguration(EncodeConfiguration(both)).ok());
}

TEST(Codec, SharesNothingBetweenManyPointersToOnePlace) {
  // A list of chunks' rows that all point at one large value would decode into gigabytes.
  SnapshotChunk chunk;
  chunk.rows.push_back({0, "k", std::string(800, 'v')});
  for (int i = 0; i < 100; ++i) chunk.rows.push_back({0, "", ""});
  std::string body = Encoded(chunk).substr(sizeof(FrameHeader));
  // Root pointer, Frame (2 words), SnapshotChunk (2 words), list tag: rows start at word 6. A row
  // is (column, key, value); aim every value at the first one's bytes.
  constexpr size_t kRows = 6;
  const auto pointer = [&](size_t row) { return (kRows + 3 * row + 2) * 8; };
  uint64_t first = 0;
  std::memcpy(&first, body.data() + pointer(0), 8);
  for (size_t row = 1; row <= 100; ++row) {
    const uint64_t moved = first - ((3 * row) << 2);
    std::memcpy(body.data() + pointer(row), &moved, 8);
  }
  const absl::Status status = First(Framed(body)).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_NE(status.message().find("traversal limit"), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace lockstep::wire
