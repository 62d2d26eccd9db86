// SyncOracle: what synced stores were told to write, what the hub says became of it, and whether
// that fits together.
#ifndef LOCKSTEP_DOCS_MEMORY_TESTING_SYNC_ORACLE_H_
#define LOCKSTEP_DOCS_MEMORY_TESTING_SYNC_ORACLE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "docs-memory/bson/value.h"
#include "docs-memory/store/heads.h"
#include "docs-memory/store/reader.h"

namespace lockstep::docs {

// The hub of one scope in the end, as it tells it.
struct HubTruth final {
  struct Version final {
    uint64_t sequence = 0;
    int64_t time_ms = 0;  // of the hub
    Revision base;
    std::vector<Revision> resolves;
    Head head;
  };
  struct One final {
    Heads heads;
    std::map<Revision, Version> versions;  // all that were applied
  };
  std::map<std::string, One> documents;  // by id
  uint64_t checkpoint = 0;               // when the heads were asked for
};

// Bodies carry a mark, "w", that no other write has: what is found somewhere is told apart by it.
class SyncOracle final {
 public:
  // A store of that tenant is about to write the document.
  void WillWrite(const std::string& tenant, const Document& document);
  // It was acknowledged as durable.
  void Acknowledged(const Document& document);
  // A refusal of the hub was found at a store.
  void FoundRejected(std::string_view code, std::string_view document);

  // What is wrong with a store by itself; "" if nothing: what was written is what was asked for, by
  // the own tenant, and no document ever went back.
  std::string CheckStore(Fiber& fiber, const ReadState& state, const std::string& tenant);
  // ... with the hub's truth of its tenant, and everything that was ever applied there.
  std::string CheckTruth(const std::string& tenant, const HubTruth& truth, const HubTruth& ever);
  // ... with a store that has pulled everything that its filter lets through.
  static std::string CheckConverged(Fiber& fiber, const ReadState& state, const HubTruth& truth,
                                    const Document& filter);
  // Whatever was acknowledged was applied by the hub, or was refused and says so.
  std::string CheckNothingLost() const;
  // The hub is restored from a backup: stores may have to introduce themselves anew.
  void ExpectRestores() { has_restores_ = true; }
  // The disk of a store was lost, or went back: and with it what the hub has not heard of of the
  // writes behind that number.
  void Forgive(const std::string& store, uint64_t after = 0);
  // Stores are copied, or come back from backups: they become other nodes.
  void ExpectCopies() { has_copies_ = true; }
  // The hub forgets what was deleted: who knew nothing of it may begin it anew.
  void ExpectPurges() { has_purges_ = true; }
  // ... and what it had applied since the backup is lost with it.
  void Lost(const Head& head);

  uint64_t acknowledged() const { return acknowledged_.size(); }
  uint64_t rejected() const { return rejected_.size(); }
  uint64_t conflicts() const { return conflicts_; }

 private:
  std::string CheckBody(const std::string& tenant, std::string_view document) const;
  std::string CheckHeads(const std::string& id, const Heads& heads,
                         const HubTruth::One& ever) const;
  std::string CheckVersion(const std::string& tenant, const HubTruth::Version& version,
                           const HubTruth::One& ever);

  std::map<std::string, std::pair<std::string, std::string>> written_;  // mark: tenant, body
  std::set<std::string> acknowledged_;                                  // marks
  std::set<std::string> rejected_;
  std::set<std::string> arrived_;
  std::set<std::string> lost_;
  std::set<std::string> forgiven_;
  bool has_restores_ = false;
  bool has_purges_ = false;
  bool has_copies_ = false;
  uint64_t conflicts_ = 0;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_TESTING_SYNC_ORACLE_H_
