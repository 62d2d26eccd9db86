# `cmake --install`: the libraries, their headers below include/lockstep, `find_package(lockstep)`.
# Executables of the simulator link the interposer's objects, as a linker would drop them from an
# archive. docs/your-own-service.md uses it.
include(CMakePackageConfigHelpers)

set(LOCKSTEP_INSTALLED
  base mutants_off mutants_on fiber raft machine runtime wire wire_schema store edge replica_log replica net disk
  checkers sim sim_shrink sim_cluster sim_interpose flags)

foreach(name ${LOCKSTEP_INSTALLED})
  set_target_properties(lockstep_${name} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS lockstep_${name} EXPORT lockstep-targets
    ARCHIVE DESTINATION lib
    OBJECTS DESTINATION lib/lockstep
    FILE_SET HEADERS DESTINATION include/lockstep)
endforeach()

install(EXPORT lockstep-targets NAMESPACE lockstep:: DESTINATION lib/cmake/lockstep)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lockstep-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/lockstep-config.cmake ${PROJECT_BINARY_DIR}/lockstep-config-version.cmake
  DESTINATION lib/cmake/lockstep)
install(TARGETS lockstep lockstep-sim RUNTIME DESTINATION bin)
