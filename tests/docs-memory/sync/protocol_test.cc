// Envelopes: what is sent arrives, and what strangers send is refused in words.
#include "docs-memory/sync/protocol.h"

#include <gtest/gtest.h>

#include "docs-memory/bson/parse.h"
#include "docs-memory/sync/sync_metrics.h"

namespace lockstep::docs {
namespace {

Document Json(const std::string& text) { return *FromJson(text); }

PushRequest Push() {
  PushRequest request;
  request.tenant = "acme";
  request.space = "notes";
  request.node = 0xfedcba9876543210;
  request.confirmed = 3;
  PushChange change;
  change.number = 4;
  change.collection = "facts";
  change.id = Value::ObjectId("123456789012");
  change.edit.head.rev = {1000, 2, 7};
  change.edit.base = {900, 0, 7};
  change.edit.resolves = {{800, 0, 1}};
  change.edit.head.time_ms = 77;
  change.edit.head.document =
      Json(R"({"_id": {"$oid": "313233343536373839303132"}, "i": {"$numberLong": "5"},
               "d": {"$numberDouble": "1.0"}, "s": "\"\u0000ü", "a": [1, {"x": null}]})")
          .bytes();
  request.changes.push_back(change);
  change.number = 5;
  change.edit.head.deleted = true;
  change.edit.head.document.clear();
  request.changes.push_back(change);
  return request;
}

void ExpectSame(const PushRequest& a, const PushRequest& b) {
  EXPECT_EQ(a.tenant, b.tenant);
  EXPECT_EQ(a.node, b.node);
  ASSERT_EQ(a.changes.size(), b.changes.size());
  for (size_t i = 0; i < a.changes.size(); ++i) {
    EXPECT_EQ(a.changes[i].edit.head, b.changes[i].edit.head);
    EXPECT_EQ(a.changes[i].edit.base, b.changes[i].edit.base);
    EXPECT_EQ(a.changes[i].edit.resolves, b.changes[i].edit.resolves);
    EXPECT_EQ(a.changes[i].id.ref(), b.changes[i].id.ref());
    EXPECT_FALSE(b.changes[i].is_lossy);
  }
}

TEST(Protocol, APushIsTheSameInBsonAndInJson) {
  const Document envelope = Encode(Push());
  const auto bson = ParseEnvelope(envelope.bytes(), kBsonType);
  ASSERT_TRUE(bson.ok());
  ExpectSame(Push(), *DecodePushRequest(bson->view()));
  const auto json = ParseEnvelope(RenderJson(envelope), kJsonType);
  ASSERT_TRUE(json.ok()) << json.status();
  const auto decoded = DecodePushRequest(json->view());
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ExpectSame(Push(), *decoded);
}

TEST(Protocol, APageIsTheSameInBsonAndInJson) {
  PullAnswer answer;
  answer.epoch = 9;
  PulledChange& change = answer.changes.emplace_back();
  change.collection = "facts";
  change.id = Value(int64_t{1} << 60);
  change.heads.sequence = 12;
  change.heads.all.push_back({{5, 0, 1}, false, 1, 0, Json(R"({"_id": 1})").bytes()});
  change.heads.all.push_back({{4, 0, 1}, true, 1, 0, ""});
  answer.checkpoint = 12;
  answer.own.push_back({3, Verdict::kRejected, 0, "E_DOC_TOO_DEEP", "deep", {}, 0, false});
  answer.server_ms = 5;
  const auto json = ParseEnvelope(RenderJson(Encode(answer)), kJsonType);
  ASSERT_TRUE(json.ok()) << json.status();
  const auto decoded = DecodePullAnswer(json->view());
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->changes[0].heads, change.heads);
  EXPECT_EQ(decoded->changes[0].id.ref().int64(), int64_t{1} << 60);
  EXPECT_EQ(decoded->checkpoint, 12u);
  EXPECT_EQ(decoded->own[0].code, "E_DOC_TOO_DEEP");
}

TEST(Protocol, SaysThatADocumentIsNotWhatItsAuthorHashed) {
  std::string json = RenderJson(Encode(Push()));
  const size_t at = json.find("\"5\"");
  ASSERT_NE(at, std::string::npos);
  json[at + 1] = '6';
  const auto decoded = DecodePushRequest(ParseEnvelope(json, kJsonType)->view());
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(decoded->changes[0].is_lossy);
}

TEST(Protocol, NamesFieldValueAndReasonOfWhatIsWrong) {
  const auto error = [](const std::string& json) {
    const auto envelope = ParseEnvelope(json, kJsonType);
    const absl::Status status =
        envelope.ok() ? DecodePullRequest(envelope->view()).status() : envelope.status();
    return std::string(status.message());
  };
  EXPECT_EQ(error(R"({"ns": "a"})"), "E_PARSE: field 'tenant': is missing");
  EXPECT_EQ(error(R"({"tenant": 5, "ns": "a"})"), "E_PARSE: field 'tenant', value 5: is no string");
  EXPECT_EQ(error(R"({"tenant": "t", "ns": "a", "limit": 0})"),
            "E_PARSE: field 'limit', value 0: is not 1 to 1000");
  EXPECT_EQ(error(R"({"tenant": "t", "ns": "a", "limit": -1})"),
            "E_PARSE: field 'limit', value -1: is no whole number from 0 on");
  for (const char* since : {"x", "12", "0000000000000001.", "0000000000000001.-4",
                            "000000000000000g.1", "0000000000000001.9999999999999999999"}) {
    EXPECT_NE(error(std::string(R"({"tenant": "t", "ns": "a", "since": ")") + since + "\"}"), "")
        << since;
  }
  EXPECT_NE(error("[1"), "");
  EXPECT_NE(error(R"({"tenant": "t", "ns": "a", "filter": 5})"), "");
}

TEST(Protocol, SurvivesWhateverBytesCome) {
  const std::string good = Encode(Push()).bytes();
  for (size_t i = 0; i < good.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      const auto envelope = ParseEnvelope(bad, kBsonType);
      if (envelope.ok()) (void)DecodePushRequest(envelope->view());
    }
  }
}

TEST(SyncMetrics, TellTheLagOnceTheStoreHasEverCaughtUp) {
  SyncStatus status;
  status.pushed = 7;
  const std::string early = SyncMetricsText(status, MonoTime{} + Seconds(100));
  EXPECT_NE(early.find("docs_sync_pushed_total 7\n"), std::string::npos) << early;
  EXPECT_EQ(early.find("docs_sync_lag_seconds"), std::string::npos) << early;
  status.caught_up_at = MonoTime{} + Seconds(40);
  const std::string late = SyncMetricsText(status, MonoTime{} + Seconds(100));
  EXPECT_NE(late.find("docs_sync_lag_seconds 60\n"), std::string::npos) << late;
}

}  // namespace
}  // namespace lockstep::docs
