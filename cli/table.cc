#include "cli/table.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "framework/base/check.h"

namespace lockstep::cli {
namespace {

std::string Printable(const std::string& cell) { return absl::Utf8SafeCHexEscape(cell); }

// Code points, which is close enough to columns.
size_t WidthOf(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

void AppendRow(std::string& out, const std::vector<std::string>& cells,
               const std::vector<size_t>& widths) {
  for (size_t i = 0; i < cells.size(); ++i) {
    absl::StrAppend(&out, "| ", cells[i], std::string(widths[i] - WidthOf(cells[i]) + 1, ' '));
  }
  absl::StrAppend(&out, "|\n");
}

void AppendRule(std::string& out, const std::vector<size_t>& widths) {
  for (const size_t width : widths) absl::StrAppend(&out, "+", std::string(width + 2, '-'));
  absl::StrAppend(&out, "+\n");
}

}  // namespace

std::string FormatTable(const std::vector<std::string>& header,
                        const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const std::string& cell : header) widths.push_back(WidthOf(cell));
  std::vector<std::vector<std::string>> printable = rows;
  for (std::vector<std::string>& row : printable) {
    CHECK_EQ(row.size(), header.size());
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] = Printable(row[i]);
      widths[i] = std::max(widths[i], WidthOf(row[i]));
    }
  }
  std::string out;
  AppendRule(out, widths);
  AppendRow(out, header, widths);
  AppendRule(out, widths);
  for (const std::vector<std::string>& row : printable) AppendRow(out, row, widths);
  if (!rows.empty()) AppendRule(out, widths);
  return out;
}

std::string FormatBytes(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  size_t unit = 0;
  int64_t tenths = bytes * 10;
  while (tenths >= 10'000 && unit + 1 < std::size(kUnits)) {
    tenths /= 1000;
    ++unit;
  }
  if (unit == 0 || tenths >= 100) return absl::StrCat(tenths / 10, " ", kUnits[unit]);
  return absl::StrCat(tenths / 10, ".", tenths % 10, " ", kUnits[unit]);
}

}  // namespace lockstep::cli
