#include "cli/kv_print.h"

#include <boost/json.hpp>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "cli/table.h"
#include "kv/proto/rpc.pb.h"

namespace lockstep::cli {
namespace {

using KeyValues = google::protobuf::RepeatedPtrField<mvccpb::KeyValue>;

// ---- JSON: etcdctl's names; zero values are left out, bytes are base64.

boost::json::object ToJson(const etcdserverpb::ResponseHeader& header) {
  return {{"cluster_id", header.cluster_id()},
          {"member_id", header.member_id()},
          {"revision", header.revision()},
          {"raft_term", header.raft_term()}};
}

boost::json::object ToJson(const mvccpb::KeyValue& kv) {
  boost::json::object json{{"key", absl::Base64Escape(kv.key())},
                           {"create_revision", kv.create_revision()},
                           {"mod_revision", kv.mod_revision()},
                           {"version", kv.version()}};
  if (!kv.value().empty()) json["value"] = absl::Base64Escape(kv.value());
  if (kv.lease() != 0) json["lease"] = kv.lease();
  return json;
}

boost::json::array ToJson(const KeyValues& kvs) {
  boost::json::array json;
  for (const auto& kv : kvs) json.push_back(ToJson(kv));
  return json;
}

boost::json::object ToJson(const etcdserverpb::RangeResponse& response) {
  boost::json::object json{{"header", ToJson(response.header())}};
  if (response.kvs_size() > 0) json["kvs"] = ToJson(response.kvs());
  if (response.more()) json["more"] = true;
  if (response.count() != 0) json["count"] = response.count();
  return json;
}

boost::json::object ToJson(const etcdserverpb::PutResponse& response) {
  boost::json::object json{{"header", ToJson(response.header())}};
  if (response.has_prev_kv()) json["prev_kv"] = ToJson(response.prev_kv());
  return json;
}

boost::json::object ToJson(const etcdserverpb::DeleteRangeResponse& response) {
  boost::json::object json{{"header", ToJson(response.header())}};
  if (response.deleted() != 0) json["deleted"] = response.deleted();
  if (response.prev_kvs_size() > 0) json["prev_kvs"] = ToJson(response.prev_kvs());
  return json;
}

boost::json::object ToJson(const etcdserverpb::TxnResponse& response) {
  boost::json::object json{{"header", ToJson(response.header())},
                           {"succeeded", response.succeeded()}};
  boost::json::array responses;
  for (const auto& op : response.responses()) {
    boost::json::object one;
    if (op.has_response_range()) one["response_range"] = ToJson(op.response_range());
    if (op.has_response_put()) one["response_put"] = ToJson(op.response_put());
    if (op.has_response_delete_range()) {
      one["response_delete_range"] = ToJson(op.response_delete_range());
    }
    if (op.has_response_txn()) one["response_txn"] = ToJson(op.response_txn());
    responses.push_back(std::move(one));
  }
  if (!responses.empty()) json["responses"] = std::move(responses);
  return json;
}

template <typename Response>
std::string JsonLine(const Response& response) {
  return absl::StrCat(boost::json::serialize(ToJson(response)), "\n");
}

// ---- Text

std::string TableOf(const KeyValues& kvs) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& kv : kvs) {
    rows.push_back({kv.key(), kv.value(), absl::StrCat(kv.create_revision()),
                    absl::StrCat(kv.mod_revision()), absl::StrCat(kv.version()),
                    absl::StrCat(absl::Hex(kv.lease()))});
  }
  return FormatTable({"KEY", "VALUE", "CREATED", "MODIFIED", "VERSION", "LEASE"}, rows);
}

std::string LinesOf(const KeyValues& kvs, const PrintOptions& options) {
  std::string text;
  for (const auto& kv : kvs) {
    if (!options.values_only) absl::StrAppend(&text, kv.key(), "\n");
    if (!options.keys_only) absl::StrAppend(&text, kv.value(), "\n");
  }
  return text;
}

std::string TextOf(const KeyValues& kvs, const PrintOptions& options) {
  return options.format == OutputFormat::kTable ? TableOf(kvs) : LinesOf(kvs, options);
}

}  // namespace

std::string Format(const etcdserverpb::RangeResponse& response, const PrintOptions& options) {
  if (options.format == OutputFormat::kJson) return JsonLine(response);
  if (options.count_only) return absl::StrCat(response.count(), "\n");
  return TextOf(response.kvs(), options);
}

std::string Format(const etcdserverpb::PutResponse& response, const PrintOptions& options) {
  if (options.format == OutputFormat::kJson) return JsonLine(response);
  KeyValues previous;
  if (response.has_prev_kv()) *previous.Add() = response.prev_kv();
  return absl::StrCat("OK\n", previous.empty() ? "" : TextOf(previous, options));
}

std::string Format(const etcdserverpb::DeleteRangeResponse& response, const PrintOptions& options) {
  if (options.format == OutputFormat::kJson) return JsonLine(response);
  return absl::StrCat(response.deleted(), "\n",
                      response.prev_kvs_size() == 0 ? "" : TextOf(response.prev_kvs(), options));
}

std::string Format(const etcdserverpb::TxnResponse& response, const PrintOptions& options) {
  if (options.format == OutputFormat::kJson) return JsonLine(response);
  std::string text = response.succeeded() ? "SUCCESS\n" : "FAILURE\n";
  for (const auto& op : response.responses()) {
    absl::StrAppend(&text, "\n");
    if (op.has_response_range()) absl::StrAppend(&text, Format(op.response_range(), options));
    if (op.has_response_put()) absl::StrAppend(&text, Format(op.response_put(), options));
    if (op.has_response_delete_range()) {
      absl::StrAppend(&text, Format(op.response_delete_range(), options));
    }
    if (op.has_response_txn()) absl::StrAppend(&text, Format(op.response_txn(), options));
  }
  return text;
}

}  // namespace lockstep::cli
