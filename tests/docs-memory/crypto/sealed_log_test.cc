// The log under a seal: what is torn and what is damage is told as without one.
#include <gtest/gtest.h>

#include "docs-memory/crypto/primitives.h"
#include "framework/replica/log_scan.h"
#include "framework/replica/log_seal.h"
#include "tests/framework/replica/log_test_support.h"

namespace lockstep::replica {
namespace {

class TestStream final : public runtime::StreamCipher {
 public:
  explicit TestStream(const runtime::SealedStreamId& id)
      : cipher_(docs::HmacSha256(docs::SecretKey(std::string(32, 'k')),
                                 std::to_string(id.high) + "/" + std::to_string(id.low))) {}
  void Seal(uint64_t piece, std::string_view associated, std::string_view plain,
            std::string* out) const override {
    cipher_.Seal(piece, associated, plain, out);
  }
  bool Open(uint64_t piece, std::string_view associated, std::string_view sealed,
            std::string* out) const override {
    return cipher_.Open(piece, associated, sealed, out);
  }

 private:
  const docs::AesGcm cipher_;
};

// One data key, of that number.
class TestCipher final : public runtime::Cipher {
 public:
  explicit TestCipher(uint32_t key) : key_(key) {}
  uint32_t current_key() const override { return key_; }
  std::unique_ptr<const runtime::StreamCipher> Stream(
      const runtime::SealedStreamId& id) const override {
    if (id.key != key_) return nullptr;
    return std::make_unique<TestStream>(id);
  }

 private:
  const uint32_t key_;
};

using Files = std::map<std::string, std::string>;
const LogIdentity kIdentity{ClusterId(7), NodeId(3), ShardId(0)};

LogOptions Sealed(const runtime::Cipher* cipher) {
  LogOptions options;
  options.cipher = cipher;
  return options;
}

absl::StatusOr<std::string> StateOf(const Files& files, const runtime::Cipher* cipher) {
  LogBench bench(Sealed(cipher));
  bench.disk.SetContents(files);
  RETURN_IF_ERROR(bench.Open());
  return TextOf(bench.recovered);
}

// A log of three batches in one file, and what it was after each of them.
struct SmallLog final {
  SmallLog() {
    LogBench bench(Sealed(&cipher));
    CHECK_OK(bench.Start());
    states.push_back(TextOf(bench.recovered));
    for (uint64_t i = 1; i <= 3; ++i) {
      bench.Append(GroupId(1), Entries(i, 1, i, i));
      bench.Pump();
      states.push_back(*StateOf(bench.disk.Contents(), &cipher));
    }
    bench.LosePower();
    files = bench.disk.Contents();
    name = files.begin()->first;
    batches = ScanSegment(kIdentity, 1, 0, files[name])->batches;
    CHECK_EQ(batches.size(), 3u);
  }
  TestCipher cipher{4};
  Files files;
  std::string name;
  std::vector<std::string> states;
  std::vector<ScannedBatch> batches;
};

TEST(SealedLog, CutAnywhereKeepsEveryWholeBatchBeforeTheCut) {
  SmallLog log;
  for (size_t n = 0; n <= log.files[log.name].size(); ++n) {
    Files files = log.files;
    files[log.name].resize(n);
    const auto state = StateOf(files, &log.cipher);
    ASSERT_TRUE(state.ok()) << n << " " << state.status();
    size_t whole = 0;
    for (const ScannedBatch& batch : log.batches)
      whole += batch.offset + sizeof(BatchHeader) + batch.body.size() <= n ? 1 : 0;
    ASSERT_EQ(*state, log.states[whole]) << n;
  }
}

TEST(SealedLog, FlippedAnywhereIsRefusedOrLosesNoMoreThanTheLastBatch) {
  SmallLog log;
  const std::string bytes = log.files[log.name].substr(
      0, log.batches.back().offset + sizeof(BatchHeader) + log.batches.back().body.size());
  for (size_t i = 0; i < bytes.size(); ++i) {
    Files files = log.files;
    files[log.name][i] = static_cast<char>(bytes[i] ^ (1 << i % 8));
    const auto state = StateOf(files, &log.cipher);
    if (!state.ok()) {
      ASSERT_TRUE(absl::IsDataLoss(state.status())) << i << " " << state.status();
    } else if (i < log.batches.back().offset) {
      ASSERT_EQ(*state, log.states[3]) << i;
    } else {
      ASSERT_TRUE(*state == log.states[3] || *state == log.states[2]) << i;
    }
  }
}

// Whoever changes a file can make its checksums fit.
void Forge(std::string& bytes, const ScannedBatch& batch, std::string body) {
  const uint64_t seed = PlaceSeed(kIdentity, 1, batch.offset);
  const BatchHeader header = MakeBatchHeader(seed, batch.batch, body, /*sealed=*/true);
  std::memcpy(&bytes[batch.offset], &header, sizeof(header));
  bytes.replace(batch.offset + sizeof(header), body.size(), body);
}

TEST(SealedLog, ABatchThatWasChangedOrMovedDoesNotOpen) {
  SmallLog log;
  for (size_t i = 0; i < log.batches[1].body.size(); ++i) {
    Files files = log.files;
    std::string body(log.batches[1].body);
    body[i] = static_cast<char>(body[i] ^ 4);
    Forge(files[log.name], log.batches[1], body);
    const auto state = StateOf(files, &log.cipher);
    // (Four bytes are reserved, and may be anything.)
    if (i >= 4 && i < 8) continue;
    ASSERT_FALSE(state.ok()) << i;
  }
  ASSERT_EQ(log.batches[1].body.size(), log.batches[2].body.size());
  Files files = log.files;
  Forge(files[log.name], log.batches[1], std::string(log.batches[2].body));
  Forge(files[log.name], log.batches[2], std::string(log.batches[1].body));
  EXPECT_TRUE(absl::IsDataLoss(StateOf(files, &log.cipher).status()));
}

TEST(SealedLog, NeedsItsKeyAndRefusesWhatIsNotSealed) {
  SmallLog log;
  EXPECT_TRUE(absl::IsFailedPrecondition(StateOf(log.files, nullptr).status()));
  const TestCipher other(5);
  EXPECT_TRUE(absl::IsFailedPrecondition(StateOf(log.files, &other).status()));
  LogBench bench;
  ASSERT_TRUE(bench.Start().ok());
  bench.Append(GroupId(1), Entries(1, 1, 1, 1));
  bench.Pump();
  EXPECT_TRUE(absl::IsFailedPrecondition(StateOf(bench.disk.Contents(), &other).status()));
}

TEST(SealedLog, ShowsNothingOfWhatItHolds) {
  TestCipher cipher(1);
  LogBench bench(Sealed(&cipher));
  ASSERT_TRUE(bench.Start().ok());
  raft::Persist persist = Entries(1, 1, 1, 1);
  persist.entries[0].payload = std::make_shared<const std::string>("a secret of some length");
  bench.Append(GroupId(1), std::move(persist));
  bench.Pump();
  for (const auto& [name, bytes] : bench.disk.Contents())
    EXPECT_EQ(bytes.find("a secret"), std::string::npos) << name;
}

}  // namespace
}  // namespace lockstep::replica
