// The proof for plain histories against the certificate.
#include "checkers/revision_fast_path.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "checkers/revision_certificate.h"
#include "tests/checkers/kv_support.h"

namespace lockstep::checkers {
namespace {

// Puts, gets and deletes of single keys, under any overlap.
KvHistory Plain(uint64_t seed, int count) {
  base::SequentialRandom random(seed);
  AtomicKv store;
  KvHistory history;
  int64_t now = 0;
  for (int i = 0; i < count; ++i) {
    const std::string key = absl::StrCat("k", random.Below(3));
    KvOperation op;
    op.client = static_cast<uint64_t>(i % 4);
    now += 10;
    op.call = now - static_cast<int64_t>(random.Below(20));
    op.returned = now + 1 + static_cast<int64_t>(random.Below(20));
    const uint64_t kind = random.Below(6);
    op.input = kind < 3   ? PutRequest(key, absl::StrCat("v", i))
               : kind < 4 ? DeleteRequest(key)
                          : GetRequest(key);
    op.output = store.Execute(op.input);
    history.push_back(op);
  }
  return history;
}

bool Refuted(const KvHistory& history) {
  RevisionOptions options;
  options.try_plain_proof = false;
  return CheckRevisions(history, options).violation.has_value();
}

// One lie: in a value, a revision, a count or a time.
void Bend(KvHistory* history, uint64_t seed) {
  base::SequentialRandom random(seed);
  KvOperation& op = (*history)[random.Below(history->size())];
  KvOperation& other = (*history)[random.Below(history->size())];
  KvOpResult& result = op.output.results[0];
  switch (random.Below(7)) {
    case 0:
      std::swap(op.output, other.output);
      return;
    case 1:
      ++op.output.revision;
      return;
    case 2:
      result.count = 1 - result.count;
      return;
    case 3:
      op.call += 60;
      *op.returned += 60;
      return;
    case 4:
      op.output.revision = other.output.revision;
      return;
    default:
      if (result.kvs.empty()) return;
      const uint64_t field = random.Below(4);
      if (field == 0) ++result.kvs[0].version;
      if (field == 1) --result.kvs[0].create_revision;
      if (field == 2) --result.kvs[0].mod_revision;
      if (field == 3) result.kvs[0].value += "x";
      return;
  }
}

RC_GTEST_PROP(RevisionFastPath, ProvesWhatAnAtomicStoreDid, ()) {
  const auto history = Plain(*rc::gen::arbitrary<uint64_t>(), *rc::gen::inRange(1, 80));
  RC_ASSERT(ProvePlainHistory(history, 1).has_value());
  RC_ASSERT(!Refuted(history));
}

RC_GTEST_PROP(RevisionFastPath, ProvesNothingThatTheCertificateRefutes, ()) {
  auto history = Plain(*rc::gen::arbitrary<uint64_t>(), *rc::gen::inRange(2, 40));
  Bend(&history, *rc::gen::arbitrary<uint64_t>());
  const bool proven = ProvePlainHistory(history, 1).has_value();
  RC_CLASSIFY(!proven);
  RC_ASSERT(proven == !Refuted(history));
}

TEST(RevisionFastPath, LeavesEverythingElseToTheCertificate) {
  KvHistory history = Plain(1, 10);
  const auto is_left = [&](KvOperation op) {
    KvHistory with = history;
    op.output.results.resize(op.input.success.size());
    with.push_back(op);
    return !ProvePlainHistory(with, 1).has_value();
  };
  KvOperation op = history.back();
  op.input = PutRequest("a", "b");
  op.returned.reset();
  EXPECT_TRUE(is_left(op)) << "unknown";
  op = history.back();
  op.input = RangeRequest("a", "b");
  EXPECT_TRUE(is_left(op)) << "a range";
  op.input = GetRequest("nothing");
  op.input.serializable = true;
  EXPECT_TRUE(is_left(op));
  op.input.serializable = false;
  op.call += 1000;
  *op.returned += 1000;
  EXPECT_FALSE(is_left(op)) << "a plain get that found nothing";
}

}  // namespace
}  // namespace lockstep::checkers
