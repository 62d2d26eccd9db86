#include "docs-memory/crypto/keyring.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "docs-memory/bson/error.h"
#include "tests/docs-memory/store/device.h"

namespace lockstep::docs {
namespace {

constexpr ScryptCost kCheap{16, 1, 1};
constexpr char kPath[] = "KEYS";

using Body = std::function<void(Fiber&, runtime::Environment&)>;

std::string Hex(std::string_view bytes) { return absl::BytesToHexString(std::string(bytes)); }

TEST(Primitives, AreThoseOfTheStandards) {
  // RFC 7914, section 12, cut to 32 bytes.
  EXPECT_EQ(Hex(Scrypt("password", "NaCl", {1024, 8, 16}).bytes()),
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162");
  // RFC 4231, test case 3: twenty bytes of 0xaa are a shorter key, so the padded one is used.
  const SecretKey key(std::string(20, '\xaa') + std::string(12, '\0'));
  EXPECT_EQ(Hex(HmacSha256(key, std::string(50, '\xdd')).bytes()),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  // The GCM specification, test case 14: zeros everywhere.
  const AesGcm cipher(SecretKey(std::string(32, '\0')));
  std::string sealed;
  cipher.Seal(0, "", std::string(16, '\0'), &sealed);
  EXPECT_EQ(Hex(sealed), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

TEST(Primitives, OpenWhatWasSealedForTheSamePlaceAndNothingElse) {
  const AesGcm cipher(SecretKey(std::string(32, 'k')));
  std::string sealed;
  cipher.Seal(7, "place", "content", &sealed);
  std::string plain;
  EXPECT_TRUE(cipher.Open(7, "place", sealed, &plain));
  EXPECT_EQ(plain, "content");
  EXPECT_FALSE(cipher.Open(8, "place", sealed, &plain));
  EXPECT_FALSE(cipher.Open(7, "other", sealed, &plain));
  for (size_t i = 0; i < sealed.size() * 8; ++i) {
    std::string changed = sealed;
    changed[i / 8] = static_cast<char>(changed[i / 8] ^ (1 << i % 8));
    EXPECT_FALSE(cipher.Open(7, "place", changed, &plain)) << "bit " << i;
  }
  EXPECT_FALSE(cipher.Open(7, "place", sealed.substr(0, 10), &plain));
  EXPECT_EQ(plain, "content") << "nothing was added";
}

TEST(Keyring, KnowsAWrongPassphraseAtOnce) {
  sim::CalmUniverse universe(1);
  universe.Run(1, [](Fiber& fiber, runtime::Environment& environment) {
    ASSERT_TRUE(Keyring::Create(fiber, environment, kPath, "right", kCheap).ok());
    EXPECT_TRUE(Keyring::Open(fiber, environment, kPath, "right").ok());
    for (const char* wrong : {"wrong", "", "right "}) {
      EXPECT_EQ(CodeOf(Keyring::Open(fiber, environment, kPath, wrong).status()),
                "E_BAD_PASSPHRASE");
    }
    EXPECT_TRUE(absl::IsAlreadyExists(Keyring::Create(fiber, environment, kPath, "x", kCheap)));
    EXPECT_EQ(CodeOf(Keyring::ForStore(fiber, environment, kPath, std::nullopt, true).status()),
              "E_BAD_PASSPHRASE");
    EXPECT_EQ(CodeOf(Keyring::ForStore(fiber, environment, "OTHER", "x", true).status()),
              "E_BAD_PASSPHRASE");
  });
}

TEST(Keyring, KeepsOldKeysUntilNobodyNeedsThem) {
  sim::CalmUniverse universe(1);
  universe.Run(1, [](Fiber& fiber, runtime::Environment& environment) {
    ASSERT_TRUE(Keyring::Create(fiber, environment, kPath, "one", kCheap).ok());
    const auto first = Keyring::Open(fiber, environment, kPath, "one");
    const runtime::SealedStreamId id{(*first)->current_key(), 1, 2, 3};
    std::string sealed;
    (*first)->Stream(id)->Seal(0, "", "old", &sealed);
    ASSERT_TRUE(Keyring::AddKey(fiber, environment, kPath, "one").ok());
    ASSERT_TRUE(Keyring::ChangePassphrase(fiber, environment, kPath, "one", "two").ok());
    ASSERT_TRUE(Keyring::DropKeys(fiber, environment, kPath, "two", {id.key}).ok());
    const auto second = Keyring::Open(fiber, environment, kPath, "two");
    ASSERT_TRUE(second.ok()) << second.status();
    EXPECT_GT((*second)->current_key(), id.key);
    std::string plain;
    EXPECT_TRUE((*second)->Stream(id)->Open(0, "", sealed, &plain));
    ASSERT_TRUE(Keyring::DropKeys(fiber, environment, kPath, "two", {}).ok());
    const auto third = Keyring::Open(fiber, environment, kPath, "two");
    EXPECT_EQ((*third)->Stream(id), nullptr);
    EXPECT_EQ((*third)->keys().size(), 1u);
  });
}

// The power fails at every step of every kind of rotation: either the old keys are there or the
// new ones, and whatever was sealed can be opened.
TEST(Keyring, SurvivesAPowerLossAtEveryStepOfARotation) {
  int losses = 0;
  for (int kind = 0; kind < 3; ++kind) {
    for (int64_t step_us = 0; step_us < 4000; step_us += 20) {
      sim::CalmUniverse universe(1, static_cast<uint64_t>(step_us + kind));
      runtime::SealedStreamId id{1, 1, 2, 3};
      std::string sealed;
      universe.Run(1, [&](Fiber& fiber, runtime::Environment& environment) {
        ASSERT_TRUE(Keyring::Create(fiber, environment, kPath, "one", kCheap).ok());
        const auto keys = Keyring::Open(fiber, environment, kPath, "one");
        (*keys)->Stream(id)->Seal(0, "", "old", &sealed);
        ASSERT_TRUE(Keyring::AddKey(fiber, environment, kPath, "one").ok());
      });
      bool done = false;
      universe.Boot(1, [&](Fiber& fiber, runtime::Environment& environment) {
        const absl::Status rotated =
            kind == 0   ? Keyring::AddKey(fiber, environment, kPath, "one")
            : kind == 1 ? Keyring::ChangePassphrase(fiber, environment, kPath, "one", "two")
                        : Keyring::DropKeys(fiber, environment, kPath, "one", {1});
        ASSERT_TRUE(rotated.ok()) << rotated;
        done = true;
      });
      universe.world.RunFor(Microseconds(step_us));
      universe.node(1).PowerLoss();
      if (!done) ++losses;
      universe.Run(1, [&](Fiber& fiber, runtime::Environment& environment) {
        auto keys = Keyring::Open(fiber, environment, kPath, "one");
        if (kind == 1 && done) {
          EXPECT_EQ(CodeOf(keys.status()), "E_BAD_PASSPHRASE");
        }
        if (!keys.ok() && kind == 1) keys = Keyring::Open(fiber, environment, kPath, "two");
        ASSERT_TRUE(keys.ok()) << keys.status() << " at " << step_us << " us of kind " << kind;
        std::string plain;
        EXPECT_TRUE((*keys)->Stream(id)->Open(0, "", sealed, &plain));
      });
      if (done && step_us > 0) break;
    }
  }
  EXPECT_GT(losses, 30);
}

TEST(Keyring, RefusesAFileThatMakesNoSense) {
  sim::CalmUniverse universe(1);
  universe.Run(1, [](Fiber& fiber, runtime::Environment& environment) {
    ASSERT_TRUE(Keyring::Create(fiber, environment, kPath, "one", kCheap).ok());
    const auto file = environment.disk.Open(fiber, kPath, runtime::OpenMode::kReadWrite);
    std::string good(*(*file)->Size(fiber), '\0');
    ASSERT_TRUE((*file)->Read(fiber, 0, absl::MakeSpan(good)).ok());
    for (size_t at = 0; at + 1 < good.size(); ++at) {
      std::string bad = good;
      bad[at] = bad[at] == '1' ? '2' : '1';
      ASSERT_TRUE((*file)->WriteAndSync(fiber, 0, bad).ok());
      EXPECT_FALSE(Keyring::Open(fiber, environment, kPath, "one").ok())
          << "byte " << at << " of " << good;
    }
    EXPECT_TRUE(absl::IsNotFound(Keyring::Open(fiber, environment, "NONE", "one").status()));
  });
}

}  // namespace
}  // namespace lockstep::docs
