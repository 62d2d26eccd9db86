# The shard's write-ahead log: a target of its own, so that it can be used without the driver.
lockstep_library(replica_log
  SOURCES log.cc log_keeper.cc log_read.cc log_recovery.cc log_repair.cc log_replay.cc log_scan.cc
          log_scrub.cc log_seal.cc log_segments.cc
  HEADERS log.h log_format.h log_keeper.h log_names.h log_read.h log_recovery.h
          log_repair.h log_replay.h log_scan.h log_scrub.h log_seal.h log_segments.h mutants.h pace.h
  DEPS lockstep_base lockstep_fiber lockstep_runtime lockstep_wire
  LIBS absl::status absl::statusor absl::strings)
