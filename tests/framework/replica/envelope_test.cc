#include "framework/replica/envelope.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "tests/framework/replica/support.h"

namespace lockstep::replica {
namespace {

TEST(Envelope, BytesAreThoseOfTheFormatsPage) {
  EXPECT_EQ(absl::BytesToHexString(CommandOf(0x0102030405060708, 9, "hi", 7)),
            "02"
            "0807060504030201"
            "0900000000000000"
            "0700000000000000"
            "6869");
  EXPECT_EQ(absl::BytesToHexString(RegistrationOf(5, 3)),
            "01"
            "0500000000000000"
            "0000000000000000"
            "0300000000000000");
}

TEST(Envelope, ACommandComesBackWhole) {
  const std::string command("a\0b\xff", 4);
  const std::string bytes = CommandOf(77, 12, command, 10);
  const std::optional<Envelope> back = DecodeEnvelope(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->kind, EnvelopeKind::kCommand);
  EXPECT_EQ(back->session, SessionId(77));
  EXPECT_EQ(back->number, RequestNumber(12));
  EXPECT_EQ(back->acked_below, RequestNumber(10));
  EXPECT_EQ(back->command, command);
}

TEST(Envelope, ARegistrationNamesItsOwner) {
  const std::string bytes = RegistrationOf(77, 3);
  const std::optional<Envelope> back = DecodeEnvelope(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->kind, EnvelopeKind::kRegister);
  EXPECT_EQ(back->owner, NodeId(3));
  EXPECT_EQ(back->acked_below, RequestNumber(0));
}

TEST(Envelope, WhatIsShorterThanAHeaderIsNone) {
  const std::string bytes = CommandOf(77, 12, "");
  ASSERT_EQ(bytes.size(), kEnvelopeHeaderBytes);
  ASSERT_TRUE(DecodeEnvelope(bytes));
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(DecodeEnvelope(std::string_view(bytes).substr(0, n))) << n << " bytes";
  }
}

TEST(Envelope, AnUnknownKindIsNone) {
  std::string bytes = CommandOf(77, 12, "command");
  for (int kind = 0; kind < 256; ++kind) {
    bytes[0] = static_cast<char>(kind);
    EXPECT_EQ(DecodeEnvelope(bytes).has_value(), kind >= 1 && kind <= 4) << "kind " << kind;
  }
}

}  // namespace
}  // namespace lockstep::replica
