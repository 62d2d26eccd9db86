#include "cli/config_file.h"

#include <gtest/gtest.h>

namespace lockstep::cli {
namespace {

TEST(ConfigFile, KeepsNamesValuesAndLines) {
  const auto values = ParseConfig("# a node\nname: n1\nheartbeat-interval: 50\n", "f.yml");
  ASSERT_TRUE(values.ok()) << values.status();
  ASSERT_EQ(values->size(), 2u);
  EXPECT_EQ((*values)[0].name, "name");
  EXPECT_EQ((*values)[1].value, "50");
  EXPECT_EQ((*values)[1].source, "line 3 of f.yml");
}

TEST(ConfigFile, ListsBecomeCommaSeparated) {
  const auto values = ParseConfig("log-outputs: [stderr, /tmp/x]\n", "f.yml");
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_EQ(values->front().value, "stderr,/tmp/x");
}

TEST(ConfigFile, SecurityMappingsBecomeFlags) {
  const auto values = ParseConfig(
      "client-transport-security:\n  cert-file: a\npeer-transport-security:\n  cert-file: b\n",
      "f.yml");
  ASSERT_TRUE(values.ok()) << values.status();
  ASSERT_EQ(values->size(), 2u);
  EXPECT_EQ((*values)[0].name, "cert-file");
  EXPECT_EQ((*values)[1].name, "peer-cert-file");
  EXPECT_EQ((*values)[1].source, "line 4 of f.yml");
}

TEST(ConfigFile, AnEmptyFileSaysNothing) {
  const auto values = ParseConfig("# nothing\n", "f.yml");
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_TRUE(values->empty());
}

TEST(ConfigFile, ErrorsNameTheLine) {
  for (const char* yaml : {"name: n1\nlist: [a\n", "a: 1\nb: {c: 1}\n", "a: 1\nb: [[c]]\n"}) {
    const auto values = ParseConfig(yaml, "f.yml");
    ASSERT_FALSE(values.ok()) << yaml;
    EXPECT_NE(values.status().message().find("of f.yml"), std::string::npos) << values.status();
  }
  EXPECT_FALSE(ParseConfig("just text", "f.yml").ok());
}

}  // namespace
}  // namespace lockstep::cli
