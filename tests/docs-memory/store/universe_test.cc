// A store in universes whose power fails, and bugs that these must find.
#include "docs-memory/testing/universe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "docs-memory/crypto/mutants.h"
#include "docs-memory/store/mutants.h"
#include "framework/base/mutant_on.h"
#include "framework/replica/mutants.h"
#include "framework/store/mutants.h"

namespace lockstep::docs {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

TEST(DocsUniverse, KeepsWhatItAcknowledged) {
  uint64_t writes = 0;
  uint64_t checks = 0;
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    const UniverseReport report = RunUniverse({.seed = seed});
    ASSERT_EQ(report.failure, "");
    writes += report.writes;
    checks += report.checks;
  }
  EXPECT_GT(writes, 1000u);
  EXPECT_GT(checks, 500u);
}

TEST(DocsUniverse, IsTheSameForTheSameSeed) {
  EXPECT_EQ(RunUniverse({.seed = 5}).hash, RunUniverse({.seed = 5}).hash);
}

// The first failure that universes of a planted bug show.
std::string FirstFailure(mutant::Id id, uint64_t seeds) {
  mutant::Plant(id);
  std::string failure;
  for (uint64_t seed = 1; seed <= seeds && failure.empty(); ++seed) {
    failure = RunUniverse({.seed = seed}).failure;
  }
  mutant::Plant(mutant::Id::kNone);
  return failure;
}

TEST(DocsUniverse, FindsIndexEntriesThatStay) {
  EXPECT_THAT(FirstFailure(mutant::kM80IndexEntryNotRemoved, 10),
              AnyOf(HasSubstr("a query of"), HasSubstr("index ")));
}
TEST(DocsUniverse, FindsWordsThatStay) {
  EXPECT_THAT(FirstFailure(mutant::kM120GoneWordStays, 10),
              AnyOf(HasSubstr("index words_text: "), HasSubstr("index of words")));
}
TEST(DocsUniverse, FindsNoncesThatAreUsedAgain) {
  EXPECT_THAT(FirstFailure(mutant::kM121NonceUsedTwice, 20), HasSubstr("nonce"));
}
TEST(DocsUniverse, FindsFilesThatAreNotSealed) {
  EXPECT_THAT(FirstFailure(mutant::kM122SmallFilesInClear, 20), HasSubstr("can be read in"));
}
TEST(DocsUniverse, FindsAKeyThatIsForgottenTooEarly) {
  EXPECT_THAT(FirstFailure(mutant::kM123OldKeyDroppedEarly, 20), HasSubstr("is not known"));
}
TEST(DocsUniverse, FindsAnOplogOutsideOfTheBatch) {
  EXPECT_THAT(FirstFailure(mutant::kM81OplogOutsideBatch, 50), HasSubstr("has no row"));
}
TEST(DocsUniverse, FindsHistoryThatGoesTooEarly) {
  EXPECT_THAT(FirstFailure(mutant::kM195YoungVersionsGo, 20), HasSubstr("begins too late"));
}
TEST(DocsUniverse, FindsALogThatIsCutBeforeTheFlush) {
  EXPECT_THAT(FirstFailure(mutant::kM197LogCutBeforeFlush, 10), HasSubstr("files were lost"));
}
TEST(DocsUniverse, FindsRevisionsThatGoBack) {
  EXPECT_THAT(FirstFailure(mutant::kM82RevisionsForgotten, 50), HasSubstr("does not rise"));
}
TEST(DocsUniverse, FindsADocumentThatComesBackAsItWas) {
  EXPECT_THAT(FirstFailure(mutant::kM217AfterIsBefore, 5), HasSubstr("came back as"));
}
TEST(DocsUniverse, FindsAcknowledgementsBeforeTheSync) {
  EXPECT_THAT(FirstFailure(mutant::kM83AcknowledgedBeforeSync, 50),
              AnyOf(HasSubstr("was durable as"), HasSubstr("states that may be")));
}

}  // namespace
}  // namespace lockstep::docs
