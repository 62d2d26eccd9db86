// The key-value history: what clients of an etcd-like store asked and were told.
//
// Plain structs, filled by the workload; nothing of the wire format is in here. Every request is a
// transaction in normal form: a single put, delete or range is a transaction without compares.
// Revisions, versions and the meaning of range_end are etcd's.
#ifndef LOCKSTEP_CHECKERS_KV_HISTORY_H_
#define LOCKSTEP_CHECKERS_KV_HISTORY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkers/history.h"

namespace lockstep::checkers {

struct KvPair final {
  std::string key;
  std::string value;
  int64_t create_revision = 0;
  int64_t mod_revision = 0;
  int64_t version = 0;
  bool operator==(const KvPair&) const = default;
};

struct KvCompare final {
  enum class Target { kValue, kVersion, kCreateRevision, kModRevision };
  enum class Relation { kEqual, kNotEqual, kGreater, kLess };
  Target target = Target::kValue;
  Relation relation = Relation::kEqual;
  std::string key;
  int64_t number = 0;  // for all targets but kValue
  std::string value;
  bool operator==(const KvCompare&) const = default;
};

struct KvOp final {
  enum class Kind { kPut, kDelete, kRange };
  Kind kind = Kind::kRange;
  std::string key;
  std::string range_end;  // "": the key alone; one zero byte: everything from the key on
  std::string value;      // put
  int64_t revision = 0;   // range: 0 is the current one
  int64_t limit = 0;      // range: 0 is no limit
  bool prev_kv = false;   // put, delete: the result carries what was there before
  bool operator==(const KvOp&) const = default;
};

struct KvRequest final {
  enum class Kind { kTxn, kCompact };
  Kind kind = Kind::kTxn;
  bool serializable = false;  // read only: any true state of the past will do
  std::vector<KvCompare> compares;
  std::vector<KvOp> success;
  std::vector<KvOp> failure;
  int64_t compact_revision = 0;
  bool operator==(const KvRequest&) const = default;
};

struct KvOpResult final {
  int64_t count = 0;        // range: keys in the range whatever the limit; delete: keys deleted
  std::vector<KvPair> kvs;  // range: the answer; put, delete: what was there, if asked for
  bool operator==(const KvOpResult&) const = default;
};

enum class KvError { kNone, kCompacted, kFutureRevision };

struct KvResponse final {
  KvError error = KvError::kNone;
  int64_t revision = 0;  // the header's; 0 with an error
  bool succeeded = true;
  std::vector<KvOpResult> results;
  bool operator==(const KvResponse&) const = default;
};

using KvOperation = Operation<KvRequest, KvResponse>;
using KvHistory = std::vector<KvOperation>;
using KvRecorder = Recorder<KvRequest, KvResponse>;

KvRequest PutRequest(std::string key, std::string value);
KvRequest GetRequest(std::string key);
KvRequest RangeRequest(std::string key, std::string range_end);
KvRequest DeleteRequest(std::string key, std::string range_end = "");
KvRequest CompactRequest(int64_t revision);

bool InRange(const KvOp& op, const std::string& key);
// The branch that the response says was taken.
const std::vector<KvOp>& TakenBranch(const KvRequest& request, const KvResponse& response);
// The request might change something; and: the response says that it did.
bool MayWrite(const KvRequest& request);
bool DidWrite(const KvRequest& request, const KvResponse& response);
bool Holds(KvCompare::Relation relation, int comparison);

// "put of k17 = v5", "txn if value of k = v then put of k = w"
std::string DescribeRequest(const KvRequest& request);
std::string DescribeOperation(const KvOperation& op);

// The sequential store for CheckLinearizability: key -> value, with mod revisions where the
// history tells them. Known revisions order the writes, so the search hardly branches. Keys that
// one operation touches together are one partition.
class KvModel final {
 public:
  using Input = KvRequest;
  using Output = KvResponse;
  struct Cell final {
    std::string value;
    int64_t mod_revision = 0;  // 0: written by an operation of unknown outcome
    bool operator==(const Cell&) const = default;
  };
  using Cells = std::map<std::string, Cell>;
  struct State final {
    Cells cells;
    int64_t revision = 0;  // of the newest write whose revision is known
    bool operator==(const State&) const = default;
  };

  // Learns which keys belong together.
  explicit KvModel(const KvHistory& history);

  // The operations that this model can judge: linearizable, without error, about the present. A
  // partition is left out if an unknown transaction in it compares what the model does not keep and
  // writes in its failure branch.
  KvHistory Judged(const KvHistory& history) const;

  State Initial() const { return {}; }
  std::optional<State> Step(const State& state, const Input& in, const Output* out) const;
  uint64_t Hash(const State& state) const;
  std::string Key(const Input& in) const;
  bool NeverMutates(const Input& in, const Output* out) const;
  std::string Describe(const Input& in, const Output* out) const;
  std::string DescribeState(const State& state) const;

 private:
  std::map<std::string, std::string> partition_;  // key -> the first key of its partition
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_KV_HISTORY_H_
