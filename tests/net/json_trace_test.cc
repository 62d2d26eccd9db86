#include "net/json_trace.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/match.h"
#include "framework/base/check.h"
#include "net/signals.h"
#include "net/unique_fd.h"

namespace lockstep::net {
namespace {

using runtime::TraceLevel;

struct Pipe final {
  Pipe() {
    int ends[2];
    CHECK_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    out = UniqueFd(ends[0]);
    in = UniqueFd(ends[1]);
  }
  std::string Read() {
    char text[65536];
    const ssize_t n = read(out.get(), text, sizeof(text));
    return n > 0 ? std::string(text, static_cast<size_t>(n)) : "";
  }
  UniqueFd out;
  UniqueFd in;
};

JsonTrace TraceTo(const Pipe& pipe) {
  return JsonTrace({.fd = pipe.in.get(), .level_min = TraceLevel::kInfo}, NodeId(7), ShardId(1));
}

TEST(JsonTrace, WritesOneLinePerEvent) {
  Pipe pipe;
  JsonTrace trace = TraceTo(pipe);
  trace.Emit(TraceLevel::kWarning, "log.open",
             {{"segments", 3},
              {"free", std::numeric_limits<uint64_t>::max()},
              {"drift", std::numeric_limits<int64_t>::min()},
              {"path", "a\"b\\c\n"}});
  const std::string line = pipe.Read();
  EXPECT_TRUE(absl::StartsWith(line, "{\"ts\":\"20")) << line;
  EXPECT_TRUE(absl::EndsWith(line,
                             "Z\",\"level\":\"warning\",\"event\":\"log.open\",\"node\":7,"
                             "\"shard\":1,\"segments\":3,\"free\":18446744073709551615,"
                             "\"drift\":-9223372036854775808,\"path\":\"a\\\"b\\\\c\\n\"}\n"))
      << line;
}

TEST(JsonTrace, LeavesOutWhatIsBelowItsLevel) {
  Pipe pipe;
  JsonTrace trace = TraceTo(pipe);
  EXPECT_FALSE(trace.enabled(TraceLevel::kDebug));
  trace.Emit(TraceLevel::kDebug, "quiet", {});
  EXPECT_EQ(pipe.Read(), "");
  trace.Emit(TraceLevel::kError, "loud", {});
  EXPECT_NE(pipe.Read(), "");
}

TEST(JsonTrace, AReaderThatDoesNotKeepUpCostsLinesOnly) {
  IgnoreBrokenPipes();
  Pipe pipe;
  JsonTrace trace = TraceTo(pipe);
  for (int i = 0; i < 10'000; ++i) trace.Emit(TraceLevel::kInfo, "flood", {{"i", i}});
  EXPECT_GT(trace.lost_lines(), 0u);
  pipe.out.Close();
  const uint64_t before = trace.lost_lines();
  trace.Emit(TraceLevel::kInfo, "to.nobody", {});
  EXPECT_EQ(trace.lost_lines(), before + 1);
}

TEST(FormatTimestamp, IsUtcWithMicroseconds) {
  EXPECT_EQ(FormatTimestamp({0}), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(FormatTimestamp({1'709'210'096'123'456'789}), "2024-02-29T12:34:56.123456Z");
  EXPECT_EQ(FormatTimestamp({-1}), "1969-12-31T23:59:59.999999Z");
}

std::string Json(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

TEST(AppendJsonString, EscapesWhatJsonCannotHold) {
  EXPECT_EQ(Json(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
}

TEST(AppendJsonString, KeepsUtf8AndReplacesWhatIsNot) {
  EXPECT_EQ(Json("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"),
            "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"");
  EXPECT_EQ(Json("a\xFFz"), "\"a\\ufffdz\"");
  EXPECT_EQ(Json("\xC0\xAF"), "\"\\ufffd\\ufffd\"") << "overlong";
  EXPECT_EQ(Json("\xED\xA0\x80"), "\"\\ufffd\\ufffd\\ufffd\"") << "a surrogate";
  EXPECT_EQ(Json("\xE2\x82"), "\"\\ufffd\\ufffd\"") << "cut off";
  EXPECT_EQ(Json("\xF4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"") << "beyond the end";
}

}  // namespace
}  // namespace lockstep::net
