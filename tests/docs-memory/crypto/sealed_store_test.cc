// A store whose rows and log are sealed, and whose bytes are changed by somebody.
#include <gtest/gtest.h>

#include "docs-memory/crypto/keyring.h"
#include "tests/docs-memory/store/device.h"

namespace lockstep::docs {
namespace {

constexpr ScryptCost kCheap{16, 1, 1};
constexpr int kDocuments = 40;

// A sealed store with documents that are in its files.
class SealedDevice final {
 public:
  SealedDevice() {
    device.universe.Run(1, [this](Fiber& fiber, runtime::Environment& environment) {
      keys = *Keyring::ForStore(fiber, environment, "KEYS", "secret", false, kCheap);
    });
    device.options.cipher = keys.get();
    device.Live([](Fiber& fiber, Store& store) {
      Collection c(store, "c");
      ASSERT_TRUE(c.CreateIndex(fiber, Json(R"({"n": 1})")).ok());
      for (int i = 0; i < kDocuments; ++i)
        ASSERT_TRUE(c.InsertOne(fiber, Document{{"_id", i}, {"n", i}, {"t", Text(i)}}).ok());
      ASSERT_TRUE(store.Close(fiber).ok());
    });
  }
  static std::string Text(int i) { return std::string(400, 'x') + std::to_string(i); }

  // All files below, by path.
  std::vector<std::string> Files(const std::string& directory) {
    std::vector<std::string> files;
    const std::vector<std::string> names = *disk().List(directory);
    for (const std::string& name : names) {
      const std::string path = directory + "/" + name;
      if (!disk().Find(path)->is_directory) {
        files.push_back(path);
        continue;
      }
      for (std::string& file : Files(path)) files.push_back(std::move(file));
    }
    return files;
  }
  sim::SimDiskCore& disk() { return device.universe.node(1).disk(); }

  // Reads everything; false if the store does not open or a read fails. Wrong data fails the test.
  bool ReadsAll() {
    bool all = true;
    device.Live([&](Fiber& fiber, Store& store) {
      Collection c(store, "c");
      for (int i = 0; i < kDocuments; ++i) {
        const auto found = c.FindOne(fiber, Document{{"n", i}});
        all = all && found.ok();
        if (!found.ok()) continue;
        ASSERT_TRUE(found->has_value()) << i;
        ASSERT_EQ((*found)->document.Find("t")->string(), Text(i));
      }
    });
    return all && device.opened.ok();
  }

  std::unique_ptr<const Keyring> keys;
  Device device;
};

TEST(SealedStore, OpensWithItsKeysAlone) {
  SealedDevice sealed;
  EXPECT_TRUE(sealed.ReadsAll());
  sealed.device.options.cipher = nullptr;
  sealed.device.universe.Run(1, [&](Fiber& fiber, runtime::Environment& environment) {
    auto rows = OpenSimulatedRows(fiber, environment, sealed.device.universe.node(1), "rows");
    EXPECT_FALSE(rows.ok());
  });
}

TEST(SealedStore, ABitThatIsFlippedAnywhereIsAnErrorAndNeverWrongData) {
  SealedDevice sealed;
  int noticed = 0;
  for (const std::string& path : sealed.Files("rows")) {
    if (path.find(".sst") == std::string::npos) continue;
    const auto inode = sealed.disk().Find(path);
    for (uint64_t at = 0; at < inode->image.size(); at += 211) {
      char byte = 0;
      inode->image.Read(at, absl::MakeSpan(&byte, 1));
      const char flipped = static_cast<char>(byte ^ 8);
      ASSERT_TRUE(sealed.disk().Write(inode, at, std::string(1, flipped)).ok());
      bool opened = true;
      sealed.device.universe.Run(1, [&](Fiber& fiber, runtime::Environment& environment) {
        auto rows = OpenSimulatedRows(fiber, environment, sealed.device.universe.node(1), "rows",
                                      sealed.keys.get());
        opened = rows.ok();
      });
      if (!opened || !sealed.ReadsAll()) ++noticed;
      ASSERT_TRUE(sealed.disk().Write(inode, at, std::string(1, byte)).ok());
    }
  }
  EXPECT_GT(noticed, 20);
  EXPECT_TRUE(sealed.ReadsAll());
}

}  // namespace
}  // namespace lockstep::docs
