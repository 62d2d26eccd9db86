#include "docs-memory/store/record.h"

#include <cstring>

#include "framework/base/check.h"
#include "framework/base/checksum.h"
#include "framework/base/status_macros.h"

namespace lockstep::docs {
namespace {

constexpr uint8_t kRecordVersion = 1;
constexpr uint8_t kBatchVersion = 1;
// In the byte of the op.
constexpr uint8_t kRemoteFlag = 0x80;
constexpr uint8_t kResolvesFlag = 0x40;
constexpr size_t kRecordHeaderBytes = 2 + kRevisionBytes + 3 * 8;

template <typename T>
void Put(T value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void PutBytes(std::string_view bytes, std::string& out) {
  Put(static_cast<uint32_t>(bytes.size()), out);
  out.append(bytes);
}

// Takes from the front; false once anything is missing.
class Taker final {
 public:
  explicit Taker(std::string_view bytes) : rest_(bytes) {}
  template <typename T>
  T Take() {
    T value{};
    const std::string_view bytes = Bytes(sizeof(T));
    if (ok_) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  std::string_view Bytes(size_t count) {
    ok_ = ok_ && count <= rest_.size();
    if (!ok_) return {};
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::string_view Counted() { return Bytes(Take<uint32_t>()); }
  bool ok() const { return ok_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

absl::Status Damaged(const char* what) {
  return absl::DataLossError(std::string("documents: ") + what);
}

Mutation TakeMutation(Taker& taker) {
  Mutation mutation;
  const auto op = taker.Take<uint8_t>();
  mutation.op = static_cast<MutationOp>(op & ~(kRemoteFlag | kResolvesFlag));
  mutation.is_remote = (op & kRemoteFlag) != 0;
  mutation.collection = taker.Take<uint32_t>();
  const std::string_view rev = taker.Bytes(kRevisionBytes);
  const std::string_view base = taker.Bytes(kRevisionBytes);
  if (!taker.ok()) return mutation;
  mutation.rev = Revision::FromBytes(rev);
  mutation.base = Revision::FromBytes(base);
  mutation.time_ms = taker.Take<int64_t>();
  mutation.expires_ms = taker.Take<int64_t>();
  const auto type = static_cast<Type>(taker.Take<uint8_t>());
  mutation.id = Value::Of(type, std::string(taker.Counted()));
  mutation.document = taker.Counted();
  const uint8_t resolves = (op & kResolvesFlag) != 0 ? taker.Take<uint8_t>() : 0;
  for (uint8_t i = 0; i < resolves; ++i) {
    const std::string_view resolved = taker.Bytes(kRevisionBytes);
    if (taker.ok()) mutation.resolves.push_back(Revision::FromBytes(resolved));
  }
  return mutation;
}

}  // namespace

std::string EncodeRecord(const Meta& meta, std::string_view document) {
  std::string row;
  row.reserve(kRecordHeaderBytes + document.size());
  row.push_back(kRecordVersion);
  row.push_back(meta.deleted ? 1 : 0);
  meta.rev.AppendTo(row);
  Put(meta.sequence, row);
  Put(meta.updated_ms, row);
  Put(meta.expires_ms, row);
  row.append(document);
  return row;
}

absl::StatusOr<Record> DecodeRecord(std::string_view row) {
  if (row.size() < kRecordHeaderBytes || row[0] != kRecordVersion) return Damaged("not a record");
  Taker taker(row.substr(1));
  Record record;
  record.meta.deleted = taker.Take<uint8_t>() != 0;
  record.meta.rev = Revision::FromBytes(taker.Bytes(kRevisionBytes));
  record.meta.sequence = taker.Take<uint64_t>();
  record.meta.updated_ms = taker.Take<int64_t>();
  record.meta.expires_ms = taker.Take<int64_t>();
  record.document = taker.rest();
  if (!record.meta.deleted &&
      ValueBytes(Type::kDocument, record.document) != record.document.size()) {
    return Damaged("a record's document is cut off");
  }
  return record;
}

void EncodeMutation(const Mutation& mutation, std::string& out) {
  const int flags =
      (mutation.is_remote ? kRemoteFlag : 0) | (mutation.resolves.empty() ? 0 : kResolvesFlag);
  out.push_back(static_cast<char>(static_cast<int>(mutation.op) | flags));
  Put(mutation.collection, out);
  mutation.rev.AppendTo(out);
  mutation.base.AppendTo(out);
  Put(mutation.time_ms, out);
  Put(mutation.expires_ms, out);
  out.push_back(static_cast<char>(mutation.id.type()));
  PutBytes(mutation.id.ref().bytes, out);
  PutBytes(mutation.document, out);
  if (mutation.resolves.empty()) return;
  CHECK_LE(mutation.resolves.size(), 255u);
  out.push_back(static_cast<char>(mutation.resolves.size()));
  for (const Revision& rev : mutation.resolves) rev.AppendTo(out);
}

absl::StatusOr<Mutation> DecodeMutation(std::string_view bytes) {
  Taker taker(bytes);
  Mutation mutation = TakeMutation(taker);
  if (!taker.ok() || !taker.rest().empty()) return Damaged("a mutation is cut off");
  return mutation;
}

std::string EncodeBatch(const std::vector<Mutation>& batch) {
  std::string out;
  size_t bytes = 16;
  for (const Mutation& mutation : batch) bytes += 80 + mutation.document.size();
  out.reserve(bytes);
  out.push_back(kBatchVersion);
  Put(static_cast<uint32_t>(batch.size()), out);
  for (const Mutation& mutation : batch) EncodeMutation(mutation, out);
  return out;
}

absl::StatusOr<std::vector<Mutation>> DecodeBatch(std::string_view bytes) {
  Taker taker(bytes);
  if (taker.Take<uint8_t>() != kBatchVersion) return Damaged("a batch of another version");
  const auto count = taker.Take<uint32_t>();
  std::vector<Mutation> batch;
  for (uint32_t i = 0; i < count && taker.ok(); ++i) batch.push_back(TakeMutation(taker));
  if (!taker.ok() || !taker.rest().empty()) return Damaged("a batch is cut off");
  return batch;
}

std::string EncodeOplogRow(const Mutation& mutation) {
  std::string row(8, '\0');
  row.reserve(96 + mutation.document.size());
  EncodeMutation(mutation, row);
  const uint64_t checksum = base::Checksum64(std::string_view(row).substr(8));
  std::memcpy(row.data(), &checksum, 8);
  return row;
}

absl::StatusOr<Mutation> DecodeOplogRow(std::string_view row) {
  Taker taker(row);
  const auto checksum = taker.Take<uint64_t>();
  if (!taker.ok() || base::Checksum64(taker.rest()) != checksum)
    return Damaged("a damaged row of the oplog");
  Mutation mutation = TakeMutation(taker);
  if (!taker.ok()) return Damaged("a row of the oplog is cut off");
  return mutation;
}

std::string BigEndian32(uint32_t value) { return BigEndian64(value).substr(4); }

std::string BigEndian64(uint64_t value) {
  std::string bytes(8, '\0');
  for (size_t i = 8; i-- > 0; value >>= 8) bytes[i] = static_cast<char>(value & 0xFF);
  return bytes;
}

uint64_t FromBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

std::string KeyAfterPrefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xFF') prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

std::string DocumentKey(uint32_t collection, std::string_view id) {
  return BigEndian32(collection).append(id);
}
std::string IndexPrefix(uint32_t index) { return BigEndian32(index); }
std::string OplogKey(Sequence sequence) { return "o" + BigEndian64(sequence); }
std::string VersionPrefix(uint32_t collection) { return "v" + BigEndian32(collection); }
std::string VersionKey(uint32_t collection, std::string_view id, Sequence sequence) {
  return VersionPrefix(collection).append(id).append(BigEndian64(sequence));
}

std::string ExpiryKey(int64_t expires_ms, uint32_t collection, std::string_view id) {
  const uint64_t ordered = static_cast<uint64_t>(expires_ms) ^ (uint64_t{1} << 63);
  return BigEndian32(0).append(BigEndian64(ordered)).append(BigEndian32(collection)).append(id);
}

}  // namespace lockstep::docs
