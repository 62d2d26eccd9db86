# find_package(lockstep): the targets lockstep::node (a replicated service on real sockets and disks)
# and lockstep::sim_cluster (the simulator), and lockstep_sim_test.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(absl)
find_dependency(Boost 1.81 COMPONENTS context json)
find_dependency(CapnProto)
find_dependency(OpenSSL)
find_dependency(RocksDB CONFIG)

include(${CMAKE_CURRENT_LIST_DIR}/lockstep-targets.cmake)

# Whoever refers to it comes later on the linker's line.
set(LOCKSTEP_NO_MUTANTS "$<LINK_LIBRARY:WHOLE_ARCHIVE,lockstep::mutants_off>")

if(NOT TARGET lockstep::node)
  add_library(lockstep::node INTERFACE IMPORTED)
  target_link_libraries(lockstep::node INTERFACE
    lockstep::replica lockstep::store lockstep::edge lockstep::net lockstep::disk ${LOCKSTEP_NO_MUTANTS})
endif()

# lockstep_sim_test(NAME SOURCES ...): an executable with simulated tests (sim/cluster/sim_test.h),
# known to ctest. Needs GoogleTest.
function(lockstep_sim_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE
    ${ARG_LIBS} lockstep::sim_cluster lockstep::sim_interpose lockstep::edge ${LOCKSTEP_NO_MUTANTS}
    GTest::gtest GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
