// Dialogue: a text that plays on a cluster, and what the nodes say.
#ifndef LOCKSTEP_TESTS_FRAMEWORK_RAFT_DIALOGUE_H_
#define LOCKSTEP_TESTS_FRAMEWORK_RAFT_DIALOGUE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>

#include "tests/framework/raft/support.h"

namespace lockstep::raft::testing {

// Lines that start with "> " are commands; the lines behind one that start with two spaces are what
// happened then; everything else is comment. Commands:
//   nodes N | add ID | log ID TERM TERMS... | campaign ID | propose ID TEXT | read ID READ
//   change ID voters IDS... [learners IDS...] | transfer ID TO | compact ID | lost ID LEADER
//   cut ID | heal | crash ID | restart ID | tick ID N | run N | settle | status
// Heartbeats that ask for nothing or are lost are not shown.
class Dialogue final {
 public:
  // The text with what happens filled in anew.
  std::string Play(const std::string& text);

 private:
  struct Seen final {
    size_t events = 0;
    size_t reads = 0;
    size_t reads_failed = 0;
    Index commit;
  };

  void Run(const std::string& command);
  void RunOnNode(const std::string& verb, uint64_t id, std::istringstream& in);
  void Change(uint64_t id, std::istringstream& in);
  void Watch(uint64_t nodes);
  void Observe(uint64_t id);
  void Show(const Message& message, bool lost);
  void Status();

  std::unique_ptr<Cluster> cluster_;
  std::set<uint64_t> cut_;
  std::map<uint64_t, Seen> seen_;
  std::ostringstream out_;
};

}  // namespace lockstep::raft::testing

#endif  // LOCKSTEP_TESTS_FRAMEWORK_RAFT_DIALOGUE_H_
