#ifndef LOCKSTEP_FRAMEWORK_RUNTIME_FAULT_POINTS_H_
#define LOCKSTEP_FRAMEWORK_RUNTIME_FAULT_POINTS_H_

#include <string_view>

namespace lockstep::runtime {

// Places where product code offers the simulator a rare path that is legal but seldom taken
// ("pretend that the queue is full"). Always false in production. Never a place for a bug.
class FaultPoints {
 public:
  virtual ~FaultPoints() = default;
  virtual bool Fire(std::string_view site) = 0;
};

}  // namespace lockstep::runtime

#endif  // LOCKSTEP_FRAMEWORK_RUNTIME_FAULT_POINTS_H_
