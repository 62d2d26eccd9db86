#include "framework/edge/grpc_types.h"

#include <gtest/gtest.h>

#include "framework/edge/grpc_message.h"

namespace lockstep::edge {
namespace {

TEST(GrpcTimeout, EveryUnitIsUnderstood) {
  EXPECT_EQ(ParseGrpcTimeout("2H"), Seconds(7200));
  EXPECT_EQ(ParseGrpcTimeout("3M"), Seconds(180));
  EXPECT_EQ(ParseGrpcTimeout("5S"), Seconds(5));
  EXPECT_EQ(ParseGrpcTimeout("7m"), Milliseconds(7));
  EXPECT_EQ(ParseGrpcTimeout("4999181u"), Microseconds(4999181));
  EXPECT_EQ(ParseGrpcTimeout("99999999n"), Nanoseconds(99999999));
}

TEST(GrpcTimeout, LongestSpellableDoesNotOverflow) {
  EXPECT_GT(*ParseGrpcTimeout("99999999H"), Seconds(3'000'000'000));
}

TEST(GrpcTimeout, MalformedIsRefused) {
  for (const char* text : {"", "5", "S", "-5S", "5s", "123456789S", "5 S", "0x5S", "5SS"}) {
    EXPECT_FALSE(ParseGrpcTimeout(text).has_value()) << text;
  }
}

TEST(GrpcTimeout, FormattedIsNeverShorterAndHardlyLonger) {
  for (int64_t ns = 1; ns < 1'000'000'000'000'000'000; ns = ns * 3 + 1) {
    const int64_t parsed = ParseGrpcTimeout(FormatGrpcTimeout(Duration(ns)))->count();
    EXPECT_GE(parsed, ns);
    EXPECT_LE(parsed - ns, ns / 100'000 + 1);
  }
  EXPECT_EQ(FormatGrpcTimeout(Duration(-5)), "1n");
}

TEST(PercentEncoding, RoundTripsEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  const std::string encoded = PercentEncode(all);
  for (const char c : encoded) EXPECT_TRUE(c >= 0x20 && c <= 0x7E);
  EXPECT_EQ(PercentDecode(encoded), all);
}

TEST(PercentEncoding, BrokenEscapesAreKept) {
  EXPECT_EQ(PercentDecode("100%"), "100%");
  EXPECT_EQ(PercentDecode("%4"), "%4");
  EXPECT_EQ(PercentDecode("%zz%41"), "%zzA");
}

TEST(Utf8, AcceptsExactlyWhatTheStandardDoes) {
  EXPECT_TRUE(IsValidUtf8("plain"));
  EXPECT_TRUE(IsValidUtf8("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  EXPECT_FALSE(IsValidUtf8("\xC0\x80")) << "overlong";
  EXPECT_FALSE(IsValidUtf8("\xE0\x80\x80")) << "overlong";
  EXPECT_FALSE(IsValidUtf8("\xED\xA0\x80")) << "surrogate";
  EXPECT_FALSE(IsValidUtf8("\xF4\x90\x80\x80")) << "above the last code point";
  EXPECT_FALSE(IsValidUtf8("\xC3")) << "cut short";
  EXPECT_FALSE(IsValidUtf8("\x80"));
}

TEST(GrpcCode, DigitsAreTheProtocolsNumbers) {
  for (int i = 0; i <= 16; ++i) {
    EXPECT_EQ(GrpcCodeDigits(static_cast<GrpcCode>(i)), std::to_string(i));
    EXPECT_EQ(ParseGrpcCode(std::to_string(i)), static_cast<GrpcCode>(i));
  }
  EXPECT_EQ(ParseGrpcCode("17"), GrpcCode::kUnknown);
  EXPECT_EQ(GrpcStatus::Of(absl::DataLossError("x")), GrpcStatus(GrpcCode::kDataLoss, "x"));
}

TEST(Metadata, FindsTheFirstOfAName) {
  Metadata metadata;
  metadata.Add("token", "a");
  metadata.Add("hasleader", "true");
  metadata.Add("token", "b");
  EXPECT_EQ(metadata.Find("token"), "a");
  EXPECT_EQ(metadata.Find("hasleader"), "true");
  EXPECT_FALSE(metadata.Find("toke").has_value());
}

TEST(MessageReader, CutsMessagesWhereverTheBytesAreSplit) {
  MessageQueue queue;
  for (const std::string& message : {std::string("one"), std::string(), std::string(300, 'x')}) {
    queue.Push(message);
  }
  std::string bytes(queue.bytes(), '\0');
  queue.Take(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size());
  EXPECT_TRUE(queue.empty());
  for (size_t step = 1; step < 20; ++step) {
    MessageReader reader(300);
    std::vector<size_t> sizes;
    for (size_t at = 0; at < bytes.size(); at += step) {
      reader.Append(absl::string_view(bytes).substr(at, step));
      EXPECT_TRUE(reader.Check().ok());
      for (; reader.HasMessage(); reader.Pop()) sizes.push_back(reader.Front().size());
    }
    EXPECT_EQ(sizes, (std::vector<size_t>{3, 0, 300}));
    EXPECT_EQ(reader.buffered_bytes(), 0u);
  }
}

}  // namespace
}  // namespace lockstep::edge
