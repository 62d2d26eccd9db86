#include "cli/table.h"

#include <gtest/gtest.h>

namespace lockstep::cli {
namespace {

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  EXPECT_EQ(FormatTable({"A", "LONG"}, {{"four", "1"}}),
            "+------+------+\n"
            "| A    | LONG |\n"
            "+------+------+\n"
            "| four | 1    |\n"
            "+------+------+\n");
}

TEST(Table, BytesThatAreNoTextAreEscaped) {
  EXPECT_NE(FormatTable({"A"}, {{std::string("\x01\n", 2)}}).find("| \\x01\\n |"),
            std::string::npos);
}

TEST(Table, SizesArePowersOfThousand) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1500), "1.5 kB");
  EXPECT_EQ(FormatBytes(25'000), "25 kB");
  EXPECT_EQ(FormatBytes(2'147'483'648), "2.1 GB");
}

}  // namespace
}  // namespace lockstep::cli
