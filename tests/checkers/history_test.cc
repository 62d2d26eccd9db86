#include "checkers/history.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace lockstep::checkers {
namespace {

TextOperation Make(uint64_t id, int64_t call, std::optional<int64_t> returned, std::string in,
                   std::string out) {
  return {7, id, call, returned, std::move(in), std::move(out)};
}

TEST(History, TimesOfARecorderAreStrictlyIncreasingWhenTheClockStandsStill) {
  Recorder<int, int> recorder;
  const uint64_t a = recorder.Call(1, 50, 0);
  recorder.Return(a, 50, 0);
  const uint64_t b = recorder.Call(2, 50, 0);
  recorder.Return(b, 90, 0);
  const auto ops = recorder.Take();
  ASSERT_EQ(ops.size(), 2u);
  EXPECT_LT(ops[0].call, *ops[0].returned);
  EXPECT_LT(*ops[0].returned, ops[1].call);
  EXPECT_EQ(*ops[1].returned, 90);
}

TEST(History, RefusedOperationsAreLeftOutAndOpenOnesAreUnknown) {
  Recorder<int, int> recorder;
  const uint64_t refused = recorder.Call(1, 1, 0);
  recorder.Call(2, 2, 0);
  recorder.Refused(refused);
  const auto ops = recorder.Take();
  ASSERT_EQ(ops.size(), 1u);
  EXPECT_EQ(ops[0].client, 2u);
  EXPECT_FALSE(ops[0].returned);
}

TEST(HistoryDeathTest, AnOperationReturnsOnce) {
  Recorder<int, int> recorder;
  const uint64_t id = recorder.Call(1, 1, 0);
  recorder.Return(id, 2, 0);
  EXPECT_DEATH(recorder.Return(id, 3, 0), "returned twice");
}

RC_GTEST_PROP(History, AnyBytesSurviveTheTextForm, ()) {
  std::vector<TextOperation> ops;
  const auto count = *rc::gen::inRange<uint64_t>(0, 5);
  for (uint64_t id = 1; id <= count; ++id) {
    const bool known = *rc::gen::arbitrary<bool>();
    ops.push_back(Make(id, 10, known ? std::optional<int64_t>(12) : std::nullopt,
                       *rc::gen::arbitrary<std::string>(),
                       known ? *rc::gen::arbitrary<std::string>() : ""));
  }
  const auto read = ReadHistory(WriteHistory(ops));
  RC_ASSERT(read.ok());
  RC_ASSERT(read->size() == ops.size());
  for (size_t i = 0; i < ops.size(); ++i) {
    RC_ASSERT((*read)[i].input == ops[i].input);
    RC_ASSERT((*read)[i].output == ops[i].output);
    RC_ASSERT((*read)[i].returned == ops[i].returned);
    RC_ASSERT((*read)[i].client == ops[i].client);
  }
}

TEST(History, BrokenLinesAreNamed) {
  const std::string good = WriteHistory({Make(1, 1, 2, "in", "out")});
  EXPECT_TRUE(ReadHistory(good + "\n" + good).ok());
  for (const std::string bad :
       {"{", "[]", "{\"client\":1}",
        "{\"client\":1,\"id\":1,\"call\":5,\"return\":4,\"input\":\"\",\"output\":\"\"}",
        "{\"client\":1,\"id\":1,\"call\":5,\"return\":6,\"input\":\"\",\"output\":null}",
        "{\"client\":1,\"id\":1,\"call\":5,\"return\":null,\"input\":\"\\u0100\"}"}) {
    const auto read = ReadHistory(good + bad);
    ASSERT_FALSE(read.ok()) << bad;
    EXPECT_EQ(std::string(read.status().message()).rfind("line 2", 0), 0u) << read.status();
  }
}

}  // namespace
}  // namespace lockstep::checkers
