#include "checkers/kv_text.h"

#include <array>
#include <boost/json.hpp>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "checkers/json_bytes.h"
#include "framework/base/status_macros.h"

namespace lockstep::checkers {
namespace {

namespace json = boost::json;

constexpr std::array<const char*, 3> kOps = {"put", "delete", "get"};
constexpr std::array<const char*, 4> kTargets = {"value", "version", "create", "mod"};
constexpr std::array<const char*, 4> kRelations = {"=", "!=", ">", "<"};
constexpr std::array<const char*, 3> kErrors = {"", "compacted", "future"};

void Set(json::object& out, const char* name, int64_t value) {
  if (value != 0) out[name] = value;
}
void Set(json::object& out, const char* name, const std::string& value) {
  if (!value.empty()) out[name] = BytesToUtf8(value);
}

template <typename T, typename Encode>
void SetList(json::object& out, const char* name, const std::vector<T>& values, Encode encode) {
  if (values.empty()) return;
  json::array list;
  for (const T& value : values) list.push_back(encode(value));
  out[name] = std::move(list);
}

json::object EncodePair(const KvPair& pair) {
  json::object out;
  Set(out, "key", pair.key);
  Set(out, "value", pair.value);
  Set(out, "create", pair.create_revision);
  Set(out, "mod", pair.mod_revision);
  Set(out, "version", pair.version);
  return out;
}

json::object EncodeCompare(const KvCompare& compare) {
  json::object out;
  out["target"] = kTargets[static_cast<size_t>(compare.target)];
  out["is"] = kRelations[static_cast<size_t>(compare.relation)];
  Set(out, "key", compare.key);
  Set(out, "number", compare.number);
  Set(out, "value", compare.value);
  return out;
}

json::object EncodeOp(const KvOp& op) {
  json::object out;
  out[kOps[static_cast<size_t>(op.kind)]] = BytesToUtf8(op.key);
  Set(out, "end", op.range_end);
  Set(out, "value", op.value);
  Set(out, "revision", op.revision);
  Set(out, "limit", op.limit);
  Set(out, "prev", op.prev_kv ? 1 : 0);
  return out;
}

std::string EncodeRequest(const KvRequest& request) {
  json::object out;
  if (request.kind == KvRequest::Kind::kCompact) out["compact"] = request.compact_revision;
  Set(out, "serializable", request.serializable ? 1 : 0);
  SetList(out, "if", request.compares, EncodeCompare);
  SetList(out, "then", request.success, EncodeOp);
  SetList(out, "else", request.failure, EncodeOp);
  return json::serialize(out);
}

json::object EncodeResult(const KvOpResult& result) {
  json::object out;
  Set(out, "count", result.count);
  SetList(out, "kvs", result.kvs, EncodePair);
  return out;
}

std::string EncodeResponse(const KvResponse& response) {
  json::object out;
  Set(out, "error", std::string(kErrors[static_cast<size_t>(response.error)]));
  Set(out, "revision", response.revision);
  Set(out, "failed", response.succeeded ? 0 : 1);
  SetList(out, "results", response.results, EncodeResult);
  return json::serialize(out);
}

// Reads the fields of one object; remembers whether anything was not as it should be.
class Reader final {
 public:
  explicit Reader(const json::value& value) : object_(value.if_object()) {
    if (object_ == nullptr) ok_ = false;
  }

  const json::value* Find(const char* name) const {
    return object_ ? object_->if_contains(name) : nullptr;
  }
  int64_t Number(const char* name) {
    const json::value* value = Find(name);
    if (value == nullptr) return 0;
    if (!value->is_int64()) return Fail(), 0;
    return value->get_int64();
  }
  bool Flag(const char* name) { return Number(name) != 0; }
  std::string Bytes(const char* name) {
    const json::value* value = Find(name);
    if (value == nullptr) return "";
    if (!value->is_string()) return Fail(), "";
    const json::string& text = value->get_string();
    std::optional<std::string> bytes = BytesFromUtf8({text.data(), text.size()});
    if (!bytes) return Fail(), "";
    return *std::move(bytes);
  }
  // The place of the field's text among `names`.
  template <size_t n>
  size_t Choice(const char* name, const std::array<const char*, n>& names) {
    const std::string text = Bytes(name);
    for (size_t i = 0; i < n; ++i) {
      if (text == names[i]) return i;
    }
    return Fail(), 0;
  }
  template <typename T, typename Decode>
  std::vector<T> List(const char* name, Decode decode) {
    std::vector<T> values;
    const json::value* value = Find(name);
    if (value == nullptr) return values;
    if (!value->is_array()) return Fail(), values;
    for (const json::value& item : value->get_array()) {
      Reader reader(item);
      values.push_back(decode(reader));
      ok_ = ok_ && reader.ok();
    }
    return values;
  }
  void Fail() { ok_ = false; }
  bool ok() const { return ok_; }

 private:
  const json::object* object_;
  bool ok_ = true;
};

KvPair DecodePair(Reader& in) {
  return {in.Bytes("key"), in.Bytes("value"), in.Number("create"), in.Number("mod"),
          in.Number("version")};
}

KvCompare DecodeCompare(Reader& in) {
  return {static_cast<KvCompare::Target>(in.Choice("target", kTargets)),
          static_cast<KvCompare::Relation>(in.Choice("is", kRelations)), in.Bytes("key"),
          in.Number("number"), in.Bytes("value")};
}

KvOp DecodeOp(Reader& in) {
  KvOp op;
  int kinds = 0;
  for (size_t i = 0; i < kOps.size(); ++i) {
    if (in.Find(kOps[i]) == nullptr) continue;
    op.kind = static_cast<KvOp::Kind>(i);
    op.key = in.Bytes(kOps[i]);
    ++kinds;
  }
  if (kinds != 1) in.Fail();
  op.range_end = in.Bytes("end");
  op.value = in.Bytes("value");
  op.revision = in.Number("revision");
  op.limit = in.Number("limit");
  op.prev_kv = in.Flag("prev");
  return op;
}

KvRequest DecodeRequest(Reader& in) {
  KvRequest request;
  if (in.Find("compact") != nullptr) request.kind = KvRequest::Kind::kCompact;
  request.compact_revision = in.Number("compact");
  request.serializable = in.Flag("serializable");
  request.compares = in.List<KvCompare>("if", DecodeCompare);
  request.success = in.List<KvOp>("then", DecodeOp);
  request.failure = in.List<KvOp>("else", DecodeOp);
  return request;
}

KvOpResult DecodeResult(Reader& in) {
  return {in.Number("count"), in.List<KvPair>("kvs", DecodePair)};
}

KvResponse DecodeResponse(Reader& in) {
  return {static_cast<KvError>(in.Choice("error", kErrors)), in.Number("revision"),
          !in.Flag("failed"), in.List<KvOpResult>("results", DecodeResult)};
}

template <typename T>
bool Decode(const std::string& text, T (*decode)(Reader&), T* out) {
  json::error_code error;
  const json::value value = json::parse(text, error);
  if (error) return false;
  Reader reader(value);
  *out = decode(reader);
  return reader.ok();
}

}  // namespace

std::string WriteKvHistory(const KvHistory& history) {
  std::vector<TextOperation> operations;
  for (const KvOperation& op : history) {
    operations.push_back({op.client, op.id, op.call, op.returned, EncodeRequest(op.input),
                          op.returned ? EncodeResponse(op.output) : ""});
  }
  return WriteHistory(operations);
}

absl::StatusOr<KvHistory> ReadKvHistory(std::string_view text) {
  KvHistory history;
  const auto add = [&](size_t line, const TextOperation& op) {
    KvOperation typed{op.client, op.id, op.call, op.returned, {}, {}};
    const bool is_request = Decode(op.input, DecodeRequest, &typed.input);
    if (!is_request || (op.returned && !Decode(op.output, DecodeResponse, &typed.output))) {
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", line, ": expected ", is_request ? "an answer" : "a request",
          " of a key-value store as JSON in \"", is_request ? "output" : "input", "\""));
    }
    history.push_back(std::move(typed));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(ForEachOperation(text, add));
  return history;
}

}  // namespace lockstep::checkers
