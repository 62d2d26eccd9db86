#include "sim/sim_random.h"

namespace lockstep::sim {

bool SimFaultPoints::Fire(std::string_view site) {
  constexpr uint64_t kPercent = kMillion / 100;
  const FaultRates& rates = world_.rates();
  Draws& draws = world_.draws();
  const uint64_t id = StreamId(site);
  if (const auto it = demanded_.find(id); it != demanded_.end()) {
    if (world_.now() < it->second) return true;
    demanded_.erase(it);
  }
  if (rates.fault_point_site_percent == 0 && !draws.replaying("fault_point.fire")) return false;
  // Whether a site is active is one fact per universe, not a new decision on each visit.
  const bool active = base::KeyedDraw(world_.seed(), "fault_point.site", id, 0) % 100 <
                      rates.fault_point_site_percent;
  const uint64_t ppm = active ? rates.fault_point_fire_percent * kPercent : 0;
  if (!draws.Chance("fault_point.fire", KeyOf(node_.value(), id), ppm)) return false;
  world_.CountFault(FaultClass::kFaultPoint);
  return true;
}

}  // namespace lockstep::sim
