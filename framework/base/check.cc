#include "framework/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace lockstep::base {

CheckFailure::CheckFailure(const char* file, int line, const char* expression) {
  stream_ << file << ":" << line << ": CHECK failed: " << expression << " ";
}

CheckFailure::~CheckFailure() {
  if (LockstepDescribeWhere != nullptr) {
    char where[256];
    where[0] = '\0';
    LockstepDescribeWhere(where, sizeof(where));
    stream_ << " [" << where << "]";
  }
  const std::string text = stream_.str();
  // lint: allow(stdio) the last words before abort, wherever it happens
  std::fprintf(stderr, "%s\n", text.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace lockstep::base
