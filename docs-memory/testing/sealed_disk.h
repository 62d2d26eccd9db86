// What a sealed store may leave on a disk: nothing that can be read, and no nonce twice.
#ifndef LOCKSTEP_DOCS_MEMORY_TESTING_SEALED_DISK_H_
#define LOCKSTEP_DOCS_MEMORY_TESTING_SEALED_DISK_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "sim/sim_node.h"

namespace lockstep::docs {

// Looks at all bytes of a node's disk again and again, over all lives of its store.
class SealedDisk final {
 public:
  // `secrets`: no file may hold one of these.
  explicit SealedDisk(std::vector<std::string> secrets) : secrets_(std::move(secrets)) {}

  // Empty: all is well.
  std::string Check(sim::SimNode& node);
  uint64_t pieces() const { return pieces_.size(); }

 private:
  // Data key, stream, number within it.
  using Piece = std::tuple<uint32_t, uint64_t, uint64_t, uint64_t, uint64_t>;

  void Walk(sim::SimNode& node, const std::string& directory);
  void LookAt(const std::string& path, std::string_view bytes);
  void LookAtPages(const std::string& path, std::string_view bytes);
  void LookAtLog(const std::string& path, uint64_t sequence, std::string_view bytes);
  void Note(const std::string& path, const Piece& piece, std::string_view sealed);

  const std::vector<std::string> secrets_;
  std::map<Piece, uint64_t> pieces_;  // the checksum of what was sealed
  std::string failure_;
};

}  // namespace lockstep::docs

#endif  // LOCKSTEP_DOCS_MEMORY_TESTING_SEALED_DISK_H_
