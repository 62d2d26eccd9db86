#include "checkers/revision_certificate.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>

#include "tests/checkers/kv_support.h"

namespace lockstep::checkers {
namespace {

using ::testing::Test;

// Sequential clients of an atomic store; a test then bends one answer.
class Story final {
 public:
  // Returns the operation's place in `history`.
  size_t Do(KvRequest request) {
    KvOperation op{1, history.size() + 1, ++now_, {}, std::move(request), {}};
    op.output = store.Execute(op.input);
    op.returned = ++now_;
    history.push_back(op);
    return history.size() - 1;
  }
  // Its outcome stays unknown; the store executes it now if `applied`.
  size_t DoUnknown(KvRequest request, bool applied) {
    const size_t at = Do(std::move(request));
    if (!applied) store.states().pop_back();
    history[at].returned.reset();
    history[at].output = {};
    return at;
  }
  std::string Check() const {
    const auto result = CheckRevisions(history);
    return result.violation ? result.violation->verdict : "";
  }

  AtomicKv store;
  KvHistory history;

 private:
  int64_t now_ = 0;
};

#define EXPECT_REFUTED(story, words)                                             \
  do {                                                                           \
    const std::string verdict = (story).Check();                                 \
    EXPECT_NE(verdict.find(words), std::string::npos) << "verdict: " << verdict; \
  } while (false)

TEST(RevisionCertificate, AStaleReadIsNamedWithTheWriteThatWasKnown) {
  Story story;
  story.Do(PutRequest("k", "1"));
  story.Do(PutRequest("k", "2"));
  const size_t read = story.Do(GetRequest("k"));
  story.history[read].output = story.store.ReadAt(GetRequest("k"), 2);
  EXPECT_EQ(story.Check(),
            "a linearizable answer is from revision 2 although revision 3 was known before its "
            "call: client 1 called get of k at 5, returned at 6; client 1 called put of k = 2 at "
            "3, returned at 4");
  story.history[read].input.serializable = true;
  EXPECT_EQ(story.Check(), "") << "a serializable read may be old";
}

TEST(RevisionCertificate, AReadWithTheRightRevisionAndTheOldContentIsRefuted) {
  Story story;
  story.Do(PutRequest("k", "1"));
  story.Do(PutRequest("k", "2"));
  const size_t read = story.Do(GetRequest("k"));
  story.history[read].output.results = story.store.ReadAt(GetRequest("k"), 2).results;
  EXPECT_REFUTED(story, "where the store held k = 2 (mod revision 3");
}

TEST(RevisionCertificate, ALostWriteIsRefutedByTheNextRead) {
  Story story;
  story.Do(PutRequest("k", "1"));
  story.store.states().back().clear();
  story.Do(GetRequest("k"));
  EXPECT_REFUTED(story, "it does not show k = 1");
}

TEST(RevisionCertificate, TwoWritesMayNotShareARevision) {
  Story story;
  story.Do(PutRequest("a", "1"));
  story.store.states().pop_back();
  story.Do(PutRequest("b", "1"));
  EXPECT_REFUTED(story, "two writes got the same revision 2");
}

TEST(RevisionCertificate, AWriteThatTookEffectTwiceLeavesARevisionWithoutAuthor) {
  Story story;
  const size_t put = story.Do(PutRequest("k", "1"));
  story.store.Execute(story.history[put].input);
  story.Do(PutRequest("other", "1"));
  EXPECT_REFUTED(story, "the store reached revision 4 from 1 with 2 writes");
}

TEST(RevisionCertificate, AnUnknownWriteThatTookEffectTwiceIsRefuted) {
  Story story;
  const size_t put = story.DoUnknown(PutRequest("k", "1"), true);
  story.Do(GetRequest("k"));
  story.Do(DeleteRequest("k"));
  story.DoUnknown(PutRequest("other", "1"), false);
  story.store.Execute(story.history[put].input);
  story.Do(GetRequest("k"));
  EXPECT_REFUTED(story, "it took effect twice");
}

TEST(RevisionCertificate, SwappedRevisionsOfOrderedWritesAreRefuted) {
  Story story;
  const size_t a = story.Do(PutRequest("a", "1"));
  const size_t b = story.Do(PutRequest("b", "1"));
  std::swap(story.history[a].output.revision, story.history[b].output.revision);
  EXPECT_REFUTED(story, "a write got revision 2 although revision 3 was known");
}

TEST(RevisionCertificate, AnAnswerFromTheFutureIsRefuted) {
  Story story;
  const size_t read = story.Do(GetRequest("k"));
  story.Do(PutRequest("k", "1"));
  story.history[read].output = story.store.Execute(GetRequest("k"));
  story.history[read].input.serializable = true;
  EXPECT_REFUTED(story, "a write got revision 2 although revision 2 was known before its call");
}

TEST(RevisionCertificate, AnUnknownWriteMayOrMayNotHaveHappened) {
  for (const bool applied : {false, true}) {
    Story story;
    story.Do(PutRequest("k", "1"));
    story.DoUnknown(PutRequest("k", "2"), applied);
    story.Do(GetRequest("k"));
    story.Do(PutRequest("j", "1"));
    EXPECT_EQ(story.Check(), "");
  }
}

TEST(RevisionCertificate, AnUnknownWriteThatWasSeenStays) {
  Story story;
  story.DoUnknown(PutRequest("k", "2"), true);
  story.Do(GetRequest("k"));
  const size_t read = story.Do(GetRequest("k"));
  story.history[read].output.results = {KvOpResult{}};
  EXPECT_REFUTED(story, "it does not show k = 2");
}

TEST(RevisionCertificate, ManyUnknownWritesLeaveTheirKeysOpenAndNoOthers) {
  Story story;
  story.Do(PutRequest("z", "1"));
  story.DoUnknown(PutRequest("a", "2"), true);
  story.DoUnknown(PutRequest("b", "3"), false);
  const size_t read = story.Do(GetRequest("z"));
  EXPECT_EQ(CheckRevisions(story.history).open_gaps, 1u);
  EXPECT_EQ(story.Check(), "");
  story.history[read].output.results[0].kvs[0].version = 7;
  EXPECT_REFUTED(story, "version 7");
}

TEST(RevisionCertificate, AWrongVersionAfterDeleteIsRefuted) {
  Story story;
  story.Do(PutRequest("k", "1"));
  story.Do(DeleteRequest("k"));
  story.Do(PutRequest("k", "2"));
  const size_t read = story.Do(GetRequest("k"));
  story.history[read].output.results[0].kvs[0].version = 2;
  EXPECT_REFUTED(story, "version 1)");
}

TEST(RevisionCertificate, AWrongCompareIsRefuted) {
  Story story;
  story.Do(PutRequest("k", "1"));
  KvRequest txn = PutRequest("k", "2");
  txn.compares.push_back({KvCompare::Target::kValue, KvCompare::Relation::kEqual, "k", 0, "9"});
  const size_t at = story.Do(txn);
  story.history[at].output = story.store.Execute(PutRequest("k", "2"));
  EXPECT_REFUTED(story, "it says that its compares hold");
}

TEST(RevisionCertificate, AReadOfThePastIsComparedWithThePast) {
  Story story;
  story.Do(PutRequest("k", "1"));
  story.Do(PutRequest("k", "2"));
  KvRequest past = GetRequest("k");
  past.success[0].revision = 2;
  const size_t read = story.Do(past);
  EXPECT_EQ(story.Check(), "");
  story.history[read].output.results = story.store.Execute(GetRequest("k")).results;
  EXPECT_REFUTED(story, "where the store held k = 1");
}

TEST(RevisionCertificate, ReadsBelowAKnownCompactionFailAndOnlyThose) {
  Story story;
  story.Do(PutRequest("k", "1"));
  story.Do(PutRequest("k", "2"));
  KvRequest past = GetRequest("k");
  past.success[0].revision = 2;
  const size_t early = story.Do(past);
  story.Do(CompactRequest(3));
  const size_t late = story.Do(past);
  EXPECT_REFUTED(story, "succeeded after client 1 called compaction at revision 3");
  story.history[late].output = {KvError::kCompacted, 0, true, {}};
  EXPECT_EQ(story.Check(), "");
  story.history[early].output = {KvError::kCompacted, 0, true, {}};
  EXPECT_REFUTED(story, "failed as compacted; nothing was");
}

KvWorkload ArbitraryWorkload(uint64_t unknown_max) {
  KvWorkload workload;
  workload.seed = *rc::gen::arbitrary<uint64_t>();
  workload.operations = *rc::gen::inRange(1, 120);
  workload.clients = *rc::gen::inRange<uint64_t>(1, 8);
  workload.keys = *rc::gen::inRange<uint64_t>(1, 6);
  workload.unknown_percent = *rc::gen::inRange<uint64_t>(0, unknown_max + 1);
  return workload;
}

RC_GTEST_PROP(RevisionCertificate, AcceptsWhatAnAtomicStoreDidUnderAnyOverlap, ()) {
  AtomicKv store;
  const KvHistory history = RunKv(ArbitraryWorkload(30), &store);
  const auto result = CheckRevisions(history);
  RC_LOG() << (result.violation ? result.violation->verdict : "");
  RC_ASSERT(!result.violation);
}

// The reads that can be bent are gathered and one is drawn: discarding whole histories instead
// made RapidCheck give up once in some fifty runs.
RC_GTEST_PROP(RevisionCertificate, RejectsAnyReadBentToAnotherState, ()) {
  KvWorkload workload = ArbitraryWorkload(0);
  workload.operations = *rc::gen::inRange(40, 120);
  AtomicKv store;
  KvHistory history = RunKv(workload, &store);
  struct Bend {
    size_t at;
    int64_t revision;
  };
  std::vector<Bend> bends;
  for (size_t at = 0; at < history.size(); ++at) {
    const KvOperation& op = history[at];
    if (MayWrite(op.input) || op.input.success[0].revision != 0) continue;
    for (int64_t revision = 1; revision <= store.revision(); ++revision) {
      if (store.ReadAt(op.input, revision).results != op.output.results) {
        bends.push_back({at, revision});
      }
    }
  }
  RC_PRE(!bends.empty());
  const Bend bend = *rc::gen::elementOf(bends);
  KvOperation& op = history[bend.at];
  op.output.results = store.ReadAt(op.input, bend.revision).results;
  RC_ASSERT(CheckRevisions(history).violation.has_value());
}

RC_GTEST_PROP(RevisionCertificate, RejectsSwappedRevisionsOfWrites, ()) {
  KvWorkload workload = ArbitraryWorkload(0);
  workload.operations = 60;
  AtomicKv store;
  KvHistory history = RunKv(workload, &store);
  std::vector<size_t> writes;
  std::vector<size_t> seen;  // by the last read, with their true revisions
  for (size_t i = 0; i < history.size(); ++i) {
    if (!DidWrite(history[i].input, history[i].output)) continue;
    writes.push_back(i);
    for (const KvPair& pair : history.back().output.results[0].kvs) {
      if (pair.mod_revision == history[i].output.revision) seen.push_back(i);
    }
  }
  RC_PRE(!seen.empty() && writes.size() >= 2u);
  KvOperation& a = history[*rc::gen::elementOf(seen)];
  KvOperation& b = history[*rc::gen::elementOf(writes)];
  RC_PRE(&a != &b);
  std::swap(a.output.revision, b.output.revision);
  RC_ASSERT(CheckRevisions(history).violation.has_value());
}

RC_GTEST_PROP(RevisionCertificate, RejectsALostWrite, ()) {
  KvWorkload workload = ArbitraryWorkload(0);
  workload.operations = *rc::gen::inRange(20, 120);
  AtomicKv store;
  KvHistory history = RunKv(workload, &store);
  RC_PRE(!history.back().output.results[0].kvs.empty());
  KvOpResult& end = history.back().output.results[0];
  end.kvs.erase(end.kvs.begin() +
                static_cast<std::ptrdiff_t>(*rc::gen::inRange<size_t>(0, end.kvs.size())));
  --end.count;
  RC_ASSERT(CheckRevisions(history).violation.has_value());
}

TEST(RevisionCertificate, ThreeThousandOperationsTakeMilliseconds) {
  AtomicKv store;
  const KvHistory history = RunKv({7, 3000, 8, 40, 2}, &store);
  const auto start = std::chrono::steady_clock::now();
  const auto result = CheckRevisions(history);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  EXPECT_FALSE(result.violation) << *result.violation;
  EXPECT_GT(result.writes, 1000u);
  std::printf("3000 operations: %.2f ms, %zu open gaps\n", took.count(), result.open_gaps);
}

}  // namespace
}  // namespace lockstep::checkers
