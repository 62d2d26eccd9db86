// Requests to the key-value service, from words and flags as people type them.
#ifndef LOCKSTEP_CLI_KV_REQUESTS_H_
#define LOCKSTEP_CLI_KV_REQUESTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace etcdserverpb {
class DeleteRangeRequest;
class PutRequest;
class RangeRequest;
class TxnRequest;
}  // namespace etcdserverpb

namespace lockstep::cli {

// The flags of one operation; which ones mean something depends on it.
struct KvFlags final {
  bool prefix = false;
  bool from_key = false;
  bool prev_kv = false;
  bool keys_only = false;
  bool count_only = false;
  bool ignore_value = false;
  bool ignore_lease = false;
  int64_t revision = 0;
  int64_t limit = 0;
  std::string order;              // ASCEND, DESCEND
  std::string sort_by;            // CREATE, KEY, MODIFY, VALUE, VERSION
  std::string consistency = "l";  // l, s
  std::string lease = "0";        // hexadecimal
  std::string max_staleness;      // a duration; "": what `consistency` says
};

// `words` are KEY [END], or KEY VALUE for a put. INVALID_ARGUMENT says what does not fit.
absl::Status FillRange(const std::vector<std::string>& words, const KvFlags& flags,
                       etcdserverpb::RangeRequest& request);
absl::Status FillDelete(const std::vector<std::string>& words, const KvFlags& flags,
                        etcdserverpb::DeleteRangeRequest& request);
absl::Status FillPut(const std::vector<std::string>& words, const KvFlags& flags,
                     etcdserverpb::PutRequest& request);

// A transaction as text: compares, operations if all hold, operations if not; one a line, an empty
// line after each list (cli/README.md has the grammar). Errors name the line.
absl::Status ParseTxn(const std::string& text, etcdserverpb::TxnRequest& request);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_KV_REQUESTS_H_
