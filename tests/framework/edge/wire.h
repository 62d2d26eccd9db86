// HTTP/2 frames by hand, so that tests see the bytes and not a second library's opinion of them.
#ifndef LOCKSTEP_TESTS_FRAMEWORK_EDGE_WIRE_H_
#define LOCKSTEP_TESTS_FRAMEWORK_EDGE_WIRE_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace lockstep::edge::wire {

inline constexpr char kMagic[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8
};
inline constexpr uint8_t kEndStream = 1;
inline constexpr uint8_t kAck = 1;
inline constexpr uint8_t kEndHeaders = 4;

inline std::string Be32(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

inline std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, absl::string_view payload) {
  std::string frame = Be32(static_cast<uint32_t>(payload.size())).substr(1);
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  return frame + Be32(stream) + std::string(payload);
}

using HeaderList = std::vector<std::pair<std::string, std::string>>;

// HPACK: literals that enter no table. Names and values are shorter than 127 bytes, or encoded
// with one continuation byte.
inline std::string EncodeText(absl::string_view text) {
  std::string out;
  if (text.size() < 127) {
    out.push_back(static_cast<char>(text.size()));
  } else {
    size_t rest = text.size() - 127;
    out.push_back(127);
    for (; rest >= 128; rest >>= 7) out.push_back(static_cast<char>(rest % 128 + 128));
    out.push_back(static_cast<char>(rest));
  }
  return out + std::string(text);
}

inline std::string EncodeHeaders(const HeaderList& headers) {
  std::string block;
  for (const auto& [name, value] : headers) {
    block.push_back(0);
    block += EncodeText(name) + EncodeText(value);
  }
  return block;
}

inline HeaderList RequestHeaders(const std::string& path, const HeaderList& more = {}) {
  HeaderList headers = {{":method", "POST"},
                        {":scheme", "http"},
                        {":path", path},
                        {":authority", "#initially=[http://127.0.0.1:2379]"},
                        {"content-type", "application/grpc"},
                        {"te", "trailers"}};
  headers.insert(headers.end(), more.begin(), more.end());
  return headers;
}

inline std::string Headers(uint32_t stream, const HeaderList& headers, uint8_t flags = 0) {
  return Frame(kHeaders, flags | kEndHeaders, stream, EncodeHeaders(headers));
}

inline std::string Message(absl::string_view message, char flag = 0) {
  return flag + Be32(static_cast<uint32_t>(message.size())) + std::string(message);
}

// A whole unary request.
inline std::string Request(uint32_t stream, const std::string& path, absl::string_view message,
                           const HeaderList& more = {}) {
  return Headers(stream, RequestHeaders(path, more)) +
         Frame(kData, kEndStream, stream, Message(message));
}

// What a client says first. `window`: SETTINGS_INITIAL_WINDOW_SIZE, if not 0.
inline std::string Hello(uint32_t window = 0) {
  std::string settings;
  if (window != 0) settings = std::string("\x00\x04", 2) + Be32(window);
  return std::string(kMagic, 24) + Frame(kSettings, 0, 0, settings);
}

struct ParsedFrame final {
  uint8_t type = 0;
  uint8_t flags = 0;
  uint32_t stream = 0;
  std::string payload;
};

inline std::vector<ParsedFrame> ParseFrames(absl::string_view bytes) {
  const auto byte = [&](size_t i) -> uint32_t { return static_cast<unsigned char>(bytes[i]); };
  std::vector<ParsedFrame> frames;
  while (bytes.size() >= 9) {
    const size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (bytes.size() < 9 + size) break;
    const uint32_t stream = byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8);
    frames.push_back({static_cast<uint8_t>(byte(3)), static_cast<uint8_t>(byte(4)), stream,
                      std::string(bytes.substr(9, size))});
    bytes.remove_prefix(9 + size);
  }
  return frames;
}

}  // namespace lockstep::edge::wire

#endif  // LOCKSTEP_TESTS_FRAMEWORK_EDGE_WIRE_H_
