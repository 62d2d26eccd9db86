# Runs PROGRAM twice, in different environments, and fails unless both print the same.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE first RESULT_VARIABLE first_result)
execute_process(COMMAND ${CMAKE_COMMAND} -E env MALLOC_PERTURB_=165 LOCKSTEP_PADDING=${CMAKE_CURRENT_LIST_FILE}
  ${PROGRAM} OUTPUT_VARIABLE second RESULT_VARIABLE second_result)
if(NOT first_result EQUAL 0 OR NOT second_result EQUAL 0)
  message(FATAL_ERROR "a run failed: ${first_result}, ${second_result}")
endif()
if(first STREQUAL "" OR NOT first STREQUAL second)
  message(FATAL_ERROR "two processes disagree:\n${first}\n${second}")
endif()
