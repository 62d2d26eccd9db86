# lockstep_library(NAME SOURCES ... HEADERS ... DEPS ... LIBS ...): one folder, one target
# `lockstep_NAME`. DEPS are our own folders (ci/check_layers.py compares them with the includes),
# LIBS third parties.
function(lockstep_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;HEADERS;DEPS;LIBS" ${ARGN})
  set(target lockstep_${name})
  if(ARG_SOURCES)
    add_library(${target} STATIC ${ARG_SOURCES})
    target_link_libraries(${target} PUBLIC lockstep_flags ${ARG_DEPS} ${ARG_LIBS})
    target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${ARG_HEADERS})
  else()
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE lockstep_flags ${ARG_DEPS} ${ARG_LIBS})
    target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${ARG_HEADERS})
  endif()
endfunction()

# lockstep_test(NAME SOURCES ... DEPS ... LIBS ... [MUTANTS] [LABELS ...]): one GoogleTest executable,
# registered with ctest. MUTANTS links the planted bugs, to be chosen by the test.
function(lockstep_test name)
  cmake_parse_arguments(ARG "MUTANTS" "" "SOURCES;DEPS;LIBS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE lockstep_flags ${ARG_DEPS} ${ARG_LIBS} GTest::gtest GTest::gtest_main)
  if(ARG_MUTANTS)
    target_link_libraries(${name} PRIVATE lockstep_mutants_on)
  else()
    target_link_libraries(${name} PRIVATE lockstep_mutants_off)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600)
endfunction()
