// Universes of synced stores, as many as one likes: docs_sync_universes FIRST_SEED COUNT [BUG].
// With a planted bug (M62), until it is found.
#include <cstdio>
#include <cstdlib>

#include "docs-memory/testing/sync_universe.h"
#include "framework/base/mutant_on.h"

int main(int argc, char** argv) {
  using lockstep::docs::SyncUniverseReport;
  const uint64_t first = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 100;
  const char* name = argc > 3 ? argv[3] : "0";
  const int bug = std::atoi(*name == 'M' ? name + 1 : name);
  if (argc > 3 && bug == 0) {
    std::fprintf(stderr, "'%s' is no planted bug: give its number, such as M62\n", name);
    return 2;
  }
  lockstep::mutant::Plant(static_cast<lockstep::mutant::Id>(bug));
  SyncUniverseReport all;
  int failures = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const SyncUniverseReport report = lockstep::docs::RunSyncUniverse({.seed = seed});
    all.acknowledged += report.acknowledged;
    all.versions += report.versions;
    all.conflicts += report.conflicts;
    all.rejected += report.rejected;
    all.power_losses += report.power_losses;
    all.restamped += report.restamped;
    all.requests += report.requests;
    all.expired += report.expired;
    all.purged += report.purged;
    all.restored += report.restored;
    all.full += report.full;
    all.spoiled += report.spoiled;
    all.replaced += report.replaced;
    all.copied += report.copied;
    all.events += report.events;
    all.virtual_ms += report.virtual_ms;
    all.hash = all.hash * 31 + report.hash;
    if (report.failure.empty()) continue;
    ++failures;
    std::printf("%s\n", report.failure.c_str());
    if (bug == 0) continue;
    std::printf("found after %llu universes\n", static_cast<unsigned long long>(seed - first + 1));
    return 0;
  }
  const auto number = [](uint64_t n) { return static_cast<unsigned long long>(n); };
  std::printf("%llu universes, %d failed, hash %016llx, %.1f s of virtual time\n", number(count),
              failures, number(all.hash), static_cast<double>(all.virtual_ms) / 1000);
  std::printf("%llu writes acknowledged, %llu versions at hubs, %llu conflicts, %llu refused\n",
              number(all.acknowledged), number(all.versions), number(all.conflicts),
              number(all.rejected));
  std::printf("%llu power losses, %llu clocks mended, %llu requests\n", number(all.power_losses),
              number(all.restamped), number(all.requests));
  std::printf(
      "%llu documents expired, %llu tombstones purged, %llu hubs restored, %llu full disks, "
      "%llu sectors spoiled, %llu disks replaced, %llu copied, %llu events\n",
      number(all.expired), number(all.purged), number(all.restored), number(all.full),
      number(all.spoiled), number(all.replaced), number(all.copied), number(all.events));
  return failures == 0 ? 0 : 1;
}
