#include "net/json_trace.h"

#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <type_traits>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "framework/base/check.h"
#include "net/system_devices.h"

namespace lockstep::net {
namespace {

const char* LevelName(runtime::TraceLevel level) {
  switch (level) {
    case runtime::TraceLevel::kDebug:
      return "debug";
    case runtime::TraceLevel::kInfo:
      return "info";
    case runtime::TraceLevel::kWarning:
      return "warning";
    case runtime::TraceLevel::kError:
      return "error";
  }
  CHECK(false) << "trace level " << static_cast<int>(level);
  return "";
}

// The length of the UTF-8 character that `text` starts with; 0 if it starts with none. Overlong
// forms, surrogates and what is beyond U+10FFFF are none [Unicode 15, table 3-7].
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto in = [&](size_t i, int low, int high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const int first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return in(1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const int low = first == 0xE0 ? 0xA0 : 0x80;
    const int high = first == 0xED ? 0x9F : 0xBF;
    return in(1, low, high) && in(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const int low = first == 0xF0 ? 0x90 : 0x80;
    const int high = first == 0xF4 ? 0x8F : 0xBF;
    return in(1, low, high) && in(2, 0x80, 0xBF) && in(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

void AppendEscaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    default:
      if (static_cast<unsigned char>(c) >= 0x20) {
        out += c;
      } else {
        absl::StrAppendFormat(&out, "\\u%04x", c);
      }
  }
}

}  // namespace

std::string FormatTimestamp(WallTime time) {
  constexpr int64_t kSecond = 1'000'000'000;
  // Rounds down, also before 1970.
  const int64_t ns = ((time.ns % kSecond) + kSecond) % kSecond;
  const time_t seconds = (time.ns - ns) / kSecond;
  tm utc{};
  CHECK(gmtime_r(&seconds, &utc) != nullptr);
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", utc.tm_year + 1900, utc.tm_mon + 1,
                         utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, ns / 1000);
}

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) {
      out += "\\ufffd";
    } else if (length == 1) {
      AppendEscaped(out, text.front());
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

void JsonTrace::Emit(runtime::TraceLevel level, std::string_view name,
                     absl::Span<const runtime::TraceField> fields) {
  if (!enabled(level)) return;
  line_.clear();
  absl::StrAppend(&line_, "{\"ts\":\"", FormatTimestamp(SystemClock().Wall()), "\",\"level\":\"",
                  LevelName(level), "\",\"event\":");
  AppendJsonString(line_, name);
  absl::StrAppend(&line_, ",\"node\":", node_.value(), ",\"shard\":", shard_.value());
  for (const runtime::TraceField& field : fields) {
    line_ += ',';
    AppendJsonString(line_, field.key);
    line_ += ':';
    std::visit(
        [&](const auto& value) {
          if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string_view>) {
            AppendJsonString(line_, value);
          } else {
            absl::StrAppend(&line_, value);
          }
        },
        field.value);
  }
  line_ += "}\n";
  WriteLine();
}

void JsonTrace::WriteLine() {
  std::string_view left = line_;
  while (!left.empty()) {
    const ssize_t n = write(options_.fd, left.data(), left.size());
    if (n > 0) {
      left.remove_prefix(static_cast<size_t>(n));
    } else if (n == 0 || errno != EINTR) {
      ++lost_lines_;
      return;
    }
  }
}

}  // namespace lockstep::net
