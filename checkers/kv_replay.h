// KvReplay: the etcd-like store once more, as the specification has it, for comparing answers.
//
// It knows what it does not know: an operation of unknown outcome makes the keys it may have
// touched uncertain until an answer shows them again. Judgements about uncertain keys are left out.
#ifndef LOCKSTEP_CHECKERS_KV_REPLAY_H_
#define LOCKSTEP_CHECKERS_KV_REPLAY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkers/kv_history.h"

namespace lockstep::checkers {

class KvReplay final {
 public:
  // What an answer should have been, if it is wrong; in words that complete "..., but".
  using Reason = std::optional<std::string>;

  // Executes a transaction at `revision` and compares its answer. One that writes must be handed in
  // before every other answer at that revision.
  Reason Execute(const KvOperation& op, int64_t revision);
  // Compares one range of the taken branch that asked for the state of now.
  Reason CheckRange(const KvOp& op, const KvOpResult& result);

  // A transaction of unknown outcome took effect at `revision`, and later answers showed
  // `observed`. If it is open which branch was taken, the keys of both become uncertain.
  Reason ExecuteUnknown(const KvRequest& request, int64_t revision,
                        const std::vector<KvPair>& observed);
  // The request may have taken effect, or not.
  void Blur(const KvRequest& request);
  // The pair is what its key holds now.
  void Show(const KvPair& pair);

 private:
  struct Cell {
    KvPair pair;
    bool known = true;          // otherwise the key may hold anything, or nothing
    bool lineage_known = true;  // create revision and version
  };
  using Cells = std::map<std::string, Cell>;

  std::optional<bool> Evaluate(const KvCompare& compare) const;
  // Absent: some compare is undecided and none fails.
  std::optional<bool> EvaluateAll(const std::vector<KvCompare>& compares) const;
  Reason ComparePair(const KvPair& got, const Cell& cell) const;
  Reason Put(const KvOp& op, const KvOpResult* result, int64_t revision);
  Reason Delete(const KvOp& op, const KvOpResult* result);
  Reason CheckMissing(const KvOp& op, const KvOpResult& result);

  Cells cells_;
};

}  // namespace lockstep::checkers

#endif  // LOCKSTEP_CHECKERS_KV_REPLAY_H_
