#include "cli/command.h"

#include <cstdio>

namespace lockstep::cli {

void PrintError(const std::string& what, const std::string& text) {
  std::fprintf(stderr, "lockstep %s: %s\n", what.c_str(), text.c_str());
}

}  // namespace lockstep::cli
