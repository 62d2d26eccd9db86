# Runs PROGRAM with ARGUMENTS twice, in different environments, and fails unless both say the same.
# An exit code of 1 is a verdict like any other: it must be the same twice.
string(REPEAT "padding " 512 padding)
execute_process(COMMAND ${PROGRAM} ${ARGUMENTS} OUTPUT_VARIABLE first RESULT_VARIABLE first_result)
execute_process(COMMAND ${CMAKE_COMMAND} -E env MALLOC_PERTURB_=165 LOCKSTEP_PADDING=${padding}
  ${PROGRAM} ${ARGUMENTS} OUTPUT_VARIABLE second RESULT_VARIABLE second_result)
if(NOT first_result MATCHES "^[01]$" OR NOT first_result STREQUAL second_result)
  message(FATAL_ERROR "a run failed: ${first_result}, ${second_result}")
endif()
if(first STREQUAL "" OR NOT first STREQUAL second)
  message(FATAL_ERROR "two processes disagree:\n${first}\n${second}")
endif()
