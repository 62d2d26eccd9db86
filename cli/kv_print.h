// Answers of the key-value service as text: simple (as etcdctl), json (as etcdctl), table.
#ifndef LOCKSTEP_CLI_KV_PRINT_H_
#define LOCKSTEP_CLI_KV_PRINT_H_

#include <string>

namespace etcdserverpb {
class DeleteRangeResponse;
class PutResponse;
class RangeResponse;
class TxnResponse;
}  // namespace etcdserverpb

namespace lockstep::cli {

enum class OutputFormat { kSimple, kJson, kTable };

struct PrintOptions final {
  OutputFormat format = OutputFormat::kSimple;
  bool keys_only = false;
  bool values_only = false;
  bool count_only = false;
};

std::string Format(const etcdserverpb::RangeResponse& response, const PrintOptions& options);
std::string Format(const etcdserverpb::PutResponse& response, const PrintOptions& options);
std::string Format(const etcdserverpb::DeleteRangeResponse& response, const PrintOptions& options);
std::string Format(const etcdserverpb::TxnResponse& response, const PrintOptions& options);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_KV_PRINT_H_
