// RETURN_IF_ERROR and ASSIGN_OR_RETURN, which Debian's Abseil lacks.
#ifndef LOCKSTEP_FRAMEWORK_BASE_STATUS_MACROS_H_
#define LOCKSTEP_FRAMEWORK_BASE_STATUS_MACROS_H_

#include "absl/status/status.h"

#define RETURN_IF_ERROR(expression)                                         \
  do {                                                                      \
    if (absl::Status lockstep_status = (expression); !lockstep_status.ok()) \
      return lockstep_status;                                               \
  } while (false)

#define LOCKSTEP_CONCAT_INNER(a, b) a##b
#define LOCKSTEP_CONCAT(a, b) LOCKSTEP_CONCAT_INNER(a, b)

#define ASSIGN_OR_RETURN(lhs, expression) \
  LOCKSTEP_ASSIGN_OR_RETURN(LOCKSTEP_CONCAT(lockstep_statusor_, __LINE__), lhs, expression)
#define LOCKSTEP_ASSIGN_OR_RETURN(statusor, lhs, expression) \
  auto statusor = (expression);                              \
  if (!statusor.ok()) return std::move(statusor).status();   \
  lhs = *std::move(statusor)

#endif  // LOCKSTEP_FRAMEWORK_BASE_STATUS_MACROS_H_
