lockstep_test(replica_log_test
  SOURCES log_test.cc log_damage_test.cc log_mutant_test.cc log_repair_test.cc log_scrub_test.cc
  DEPS lockstep_replica_log
  MUTANTS)
