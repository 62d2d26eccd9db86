#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/kv_requests.h"
#include "framework/base/status_macros.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::cli {
namespace {

using etcdserverpb::Compare;

absl::Status Bad(const std::string& text) { return absl::InvalidArgumentError(text); }

// A word, or a string in double quotes with C's escapes, from the front of `line`.
absl::StatusOr<std::string> TakeWord(std::string& line) {
  line = std::string(absl::StripLeadingAsciiWhitespace(line));
  if (line.empty() || line.front() != '"') {
    size_t end = line.find_first_of(" \t");
    if (end == std::string::npos) end = line.size();
    std::string word = line.substr(0, end);
    line.erase(0, end);
    return word;
  }
  size_t end = 1;
  while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
  if (end >= line.size()) return Bad("a quotation mark is missing");
  std::string word;
  if (!absl::CUnescape(line.substr(1, end - 1), &word)) return Bad("malformed escape in a string");
  line.erase(0, end + 1);
  return word;
}

absl::StatusOr<std::vector<std::string>> Words(std::string line) {
  std::vector<std::string> words;
  while (!(line = std::string(absl::StripAsciiWhitespace(line))).empty()) {
    ASSIGN_OR_RETURN(std::string word, TakeWord(line));
    words.push_back(std::move(word));
  }
  return words;
}

absl::StatusOr<Compare::CompareResult> RelationOf(const std::string& text) {
  if (text == "=" || text == "==") return Compare::EQUAL;
  if (text == "!=") return Compare::NOT_EQUAL;
  if (text == ">") return Compare::GREATER;
  if (text == "<") return Compare::LESS;
  return Bad(absl::StrCat("'", text, "' is not =, !=, < or >"));
}

absl::Status SetTarget(const std::string& target, const std::string& value, Compare& compare) {
  if (target == "val" || target == "value") {
    compare.set_target(Compare::VALUE);
    compare.set_value(value);
    return absl::OkStatus();
  }
  int64_t number = 0;
  const bool is_number =
      target == "lease" ? absl::SimpleHexAtoi(value, &number) : absl::SimpleAtoi(value, &number);
  if (!is_number) return Bad(absl::StrCat("'", value, "' is not a number"));
  if (target == "ver" || target == "version") {
    compare.set_target(Compare::VERSION);
    compare.set_version(number);
  } else if (target == "c" || target == "create") {
    compare.set_target(Compare::CREATE);
    compare.set_create_revision(number);
  } else if (target == "m" || target == "mod") {
    compare.set_target(Compare::MOD);
    compare.set_mod_revision(number);
  } else if (target == "lease") {
    compare.set_target(Compare::LEASE);
    compare.set_lease(number);
  } else {
    return Bad(
        absl::StrCat("cannot compare '", target, "'; known are create, mod, ver, val, lease"));
  }
  return absl::OkStatus();
}

// TARGET("KEY") RELATION "VALUE"
absl::Status ParseCompare(const std::string& line, Compare& compare) {
  const size_t open = line.find('(');
  if (open == std::string::npos) return Bad("expected TARGET(KEY) RELATION VALUE");
  const std::string target(absl::StripAsciiWhitespace(line.substr(0, open)));
  std::string rest = line.substr(open + 1);
  std::string key;
  if (absl::StartsWith(absl::StripLeadingAsciiWhitespace(rest), "\"")) {
    ASSIGN_OR_RETURN(key, TakeWord(rest));
    rest = std::string(absl::StripLeadingAsciiWhitespace(rest));
    if (rest.empty() || rest.front() != ')') return Bad("')' is missing after the key");
    rest.erase(0, 1);
  } else {
    const size_t close = rest.find(')');
    if (close == std::string::npos) return Bad("')' is missing after the key");
    key = std::string(absl::StripAsciiWhitespace(rest.substr(0, close)));
    rest.erase(0, close + 1);
  }
  ASSIGN_OR_RETURN(const std::string relation, TakeWord(rest));
  ASSIGN_OR_RETURN(const std::string value, TakeWord(rest));
  if (!absl::StripAsciiWhitespace(rest).empty()) return Bad("something follows the value");
  ASSIGN_OR_RETURN(const Compare::CompareResult result, RelationOf(relation));
  compare.set_key(key);
  compare.set_result(result);
  return SetTarget(target, value, compare);
}

// Takes "--flag", "--flag=value" out of `words`.
absl::StatusOr<KvFlags> TakeFlags(std::vector<std::string>& words) {
  KvFlags flags;
  std::vector<std::string> rest;
  for (const std::string& word : words) {
    const std::vector<std::string> parts = absl::StrSplit(word, absl::MaxSplits('=', 1));
    const std::string value = parts.size() == 2 ? parts[1] : "";
    if (!absl::StartsWith(word, "--")) {
      rest.push_back(word);
    } else if (word == "--prefix") {
      flags.prefix = true;
    } else if (word == "--from-key") {
      flags.from_key = true;
    } else if (word == "--prev-kv") {
      flags.prev_kv = true;
    } else if (word == "--keys-only") {
      flags.keys_only = true;
    } else if (word == "--count-only") {
      flags.count_only = true;
    } else if (parts[0] == "--rev" && absl::SimpleAtoi(value, &flags.revision)) {
    } else if (parts[0] == "--limit" && absl::SimpleAtoi(value, &flags.limit)) {
    } else if (parts[0] == "--order") {
      flags.order = value;
    } else if (parts[0] == "--sort-by") {
      flags.sort_by = value;
    } else if (parts[0] == "--lease") {
      flags.lease = value;
    } else {
      return Bad(absl::StrCat("'", word, "' is not understood here"));
    }
  }
  words = std::move(rest);
  return flags;
}

absl::Status ParseOperation(const std::string& line, etcdserverpb::RequestOp& op) {
  ASSIGN_OR_RETURN(std::vector<std::string> words, Words(line));
  ASSIGN_OR_RETURN(const KvFlags flags, TakeFlags(words));
  if (words.empty()) return Bad("expected get, put or del");
  const std::string verb = words.front();
  words.erase(words.begin());
  if (verb == "put") return FillPut(words, flags, *op.mutable_request_put());
  if (verb == "get") return FillRange(words, flags, *op.mutable_request_range());
  if (verb == "del") return FillDelete(words, flags, *op.mutable_request_delete_range());
  return Bad(absl::StrCat("'", verb, "' is not get, put or del"));
}

}  // namespace

absl::Status ParseTxn(const std::string& text, etcdserverpb::TxnRequest& request) {
  enum { kCompares, kSuccess, kFailure, kEnd } part = kCompares;
  int number = 0;
  for (const auto raw : absl::StrSplit(text, '\n')) {
    ++number;
    const std::string line(absl::StripAsciiWhitespace(raw));
    if (line.empty()) {
      part = part == kCompares ? kSuccess : part == kSuccess ? kFailure : kEnd;
      continue;
    }
    if (line.front() == '#') continue;
    absl::Status status = Bad("there are three lists, each ended by an empty line");
    if (part == kCompares) status = ParseCompare(line, *request.add_compare());
    if (part == kSuccess) status = ParseOperation(line, *request.add_success());
    if (part == kFailure) status = ParseOperation(line, *request.add_failure());
    if (!status.ok()) return Bad(absl::StrCat("line ", number, ": ", status.message()));
  }
  return absl::OkStatus();
}

}  // namespace lockstep::cli
