// What the decisions of a stream are about, told by its name.
#ifndef LOCKSTEP_SIM_STREAM_CLASS_H_
#define LOCKSTEP_SIM_STREAM_CLASS_H_

#include <cstdint>
#include <string_view>

namespace lockstep::sim {

enum class StreamClass : uint8_t {
  kShape,     // how large a universe is, and for how long it runs
  kSetting,   // at which rates things happen in it, settings of the product
  kTurn,      // what clients do, and when
  kDisaster,  // what somebody plans: cuts, deaths, pauses
  kFault,     // what fails by chance
  kNoise,     // what only takes more or less time, or comes in another order or in other pieces
};

StreamClass ClassOf(std::string_view stream);

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_STREAM_CLASS_H_
