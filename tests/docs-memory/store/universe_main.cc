// Universes of the document store, as many as one likes: docs_universes FIRST_SEED COUNT
#include <cstdio>
#include <cstdlib>

#include "docs-memory/testing/universe.h"

int main(int argc, char** argv) {
  const uint64_t first = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 100;
  lockstep::docs::UniverseReport all;
  int failures = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const lockstep::docs::UniverseReport report = lockstep::docs::RunUniverse({.seed = seed});
    all.writes += report.writes;
    all.unknown += report.unknown;
    all.checks += report.checks;
    all.hash = all.hash * 31 + report.hash;
    if (report.failure.empty()) continue;
    ++failures;
    std::printf("%s\n", report.failure.c_str());
  }
  std::printf("%llu universes, %d failed, hash %016llx\n", static_cast<unsigned long long>(count),
              failures, static_cast<unsigned long long>(all.hash));
  std::printf("%llu writes acknowledged, %llu unknown, %llu documents checked after restarts\n",
              static_cast<unsigned long long>(all.writes),
              static_cast<unsigned long long>(all.unknown),
              static_cast<unsigned long long>(all.checks));
  return failures == 0 ? 0 : 1;
}
