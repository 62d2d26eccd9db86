#include "cli/kv_requests.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "framework/base/status_macros.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::cli {
namespace {

using etcdserverpb::RangeRequest;

// "No end", and, as a key, the smallest there is.
const std::string kZero(1, '\0');

absl::Status Bad(const std::string& text) { return absl::InvalidArgumentError(text); }

// The first key behind all that begin with `prefix`.
std::string EndOfPrefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (prefix.empty()) return kZero;
  prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

template <typename Request>
absl::Status FillInterval(const std::vector<std::string>& words, const KvFlags& flags,
                          Request& request) {
  if (words.empty() || words.size() > 2) return Bad("expected KEY [END]");
  if (flags.prefix && flags.from_key) return Bad("--prefix and --from-key exclude each other");
  const bool is_open = flags.prefix || flags.from_key;
  if (is_open && words.size() == 2) return Bad("END and --prefix or --from-key exclude each other");
  const std::string& key = words.front();
  if (key.empty() && !is_open) return Bad("the key is empty; --prefix \"\" means all keys");
  request.set_key(key.empty() ? kZero : key);
  if (flags.prefix) request.set_range_end(EndOfPrefix(key));
  if (flags.from_key) request.set_range_end(kZero);
  if (words.size() == 2) request.set_range_end(words[1]);
  return absl::OkStatus();
}

absl::Status FillSort(const KvFlags& flags, RangeRequest& request) {
  const std::string order = absl::AsciiStrToUpper(flags.order);
  const std::string target = absl::AsciiStrToUpper(flags.sort_by);
  if (order == "ASCEND") {
    request.set_sort_order(RangeRequest::ASCEND);
  } else if (order == "DESCEND") {
    request.set_sort_order(RangeRequest::DESCEND);
  } else if (!order.empty()) {
    return Bad(absl::StrCat("--order '", flags.order, "' is not ASCEND or DESCEND"));
  }
  if (target == "CREATE") {
    request.set_sort_target(RangeRequest::CREATE);
  } else if (target == "MODIFY") {
    request.set_sort_target(RangeRequest::MOD);
  } else if (target == "VALUE") {
    request.set_sort_target(RangeRequest::VALUE);
  } else if (target == "VERSION") {
    request.set_sort_target(RangeRequest::VERSION);
  } else if (!target.empty() && target != "KEY") {
    return Bad(absl::StrCat("--sort-by '", flags.sort_by,
                            "' is not CREATE, KEY, MODIFY, VALUE or VERSION"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FillRange(const std::vector<std::string>& words, const KvFlags& flags,
                       RangeRequest& request) {
  RETURN_IF_ERROR(FillInterval(words, flags, request));
  RETURN_IF_ERROR(FillSort(flags, request));
  if (flags.consistency != "l" && flags.consistency != "s") {
    return Bad(absl::StrCat("--consistency '", flags.consistency,
                            "' is not l (linearizable) or s (serializable)"));
  }
  if (flags.keys_only && flags.count_only) {
    return Bad("--keys-only and --count-only exclude each other");
  }
  request.set_serializable(flags.consistency == "s");
  request.set_revision(flags.revision);
  request.set_limit(flags.limit);
  request.set_keys_only(flags.keys_only);
  request.set_count_only(flags.count_only);
  return absl::OkStatus();
}

absl::Status FillDelete(const std::vector<std::string>& words, const KvFlags& flags,
                        etcdserverpb::DeleteRangeRequest& request) {
  RETURN_IF_ERROR(FillInterval(words, flags, request));
  request.set_prev_kv(flags.prev_kv);
  return absl::OkStatus();
}

absl::Status FillPut(const std::vector<std::string>& words, const KvFlags& flags,
                     etcdserverpb::PutRequest& request) {
  const size_t wanted = flags.ignore_value ? 1 : 2;
  if (words.size() != wanted)
    return Bad(flags.ignore_value ? "expected KEY" : "expected KEY VALUE");
  int64_t lease = 0;
  if (!absl::SimpleHexAtoi(flags.lease, &lease)) {
    return Bad(absl::StrCat("--lease '", flags.lease, "' is not a hexadecimal number"));
  }
  request.set_key(words[0]);
  if (!flags.ignore_value) request.set_value(words[1]);
  request.set_lease(lease);
  request.set_prev_kv(flags.prev_kv);
  request.set_ignore_value(flags.ignore_value);
  request.set_ignore_lease(flags.ignore_lease);
  return absl::OkStatus();
}

}  // namespace lockstep::cli
