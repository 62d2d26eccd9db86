#include "framework/replica/storage_watch.h"

#include <variant>

#include "absl/strings/str_cat.h"

namespace lockstep::replica {
namespace {

using runtime::TraceField;

const TraceField* Find(absl::Span<const TraceField> fields, std::string_view key) {
  for (const TraceField& field : fields) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

bool BeginsWith(absl::Span<const TraceField> fields, std::string_view key,
                std::string_view beginning) {
  const TraceField* field = Find(fields, key);
  const auto* text = field == nullptr ? nullptr : std::get_if<std::string_view>(&field->value);
  return text != nullptr && text->starts_with(beginning);
}

bool IsOne(absl::Span<const TraceField> fields, std::string_view key) {
  const TraceField* field = Find(fields, key);
  const auto* number = field == nullptr ? nullptr : std::get_if<int64_t>(&field->value);
  return number != nullptr && *number == 1;
}

}  // namespace

void StorageCounts::Add(const StorageCounts& other) {
  for (const StorageCounter& one : StorageCounters()) this->*one.count += other.*one.count;
}

const std::vector<StorageCounter>& StorageCounters() {
  using Counts = StorageCounts;
  static const std::vector<StorageCounter> all = {
      {&Counts::log_rewritten, "log_rewritten", "damaged segments of the log, written anew"},
      {&Counts::log_mended, "log_mended", "damaged logs at a start, mended with the peers' help"},
      {&Counts::log_failed, "log_failed", "failed writes or data syncs of the log"},
      {&Counts::log_full, "log_full", "times the log had to wait for space"},
      {&Counts::state_damaged, "state_damaged", "damaged files of the store"},
      {&Counts::state_set_aside, "state_set_aside", "stores set aside, to come back from a peer"},
      {&Counts::state_lost, "state_lost", "replicas that started without their state"},
      {&Counts::state_full, "state_full", "times the store stopped for want of space"},
      {&Counts::unreadable, "unreadable", "reads that the device failed"},
      {&Counts::snapshots_damaged, "snapshots_damaged", "snapshots that arrived damaged"},
      {&Counts::snapshots_installed, "snapshots_installed", "snapshots installed", false},
  };
  return all;
}

std::vector<std::string> DescribeTrouble(const StorageCounts& counts) {
  std::vector<std::string> lines;
  for (const StorageCounter& one : StorageCounters()) {
    if (!one.is_trouble || counts.*one.count == 0) continue;
    lines.push_back(absl::StrCat("storage, since its start: ", counts.*one.count, " ",
                                 absl::string_view(one.words.data(), one.words.size())));
  }
  return lines;
}

void StorageWatch::Emit(runtime::TraceLevel level, std::string_view name,
                        absl::Span<const TraceField> fields) {
  if (level > runtime::TraceLevel::kDebug) Count(name, fields);
  if (trace_.enabled(level)) trace_.Emit(level, name, fields);
}

void StorageWatch::Count(std::string_view name, absl::Span<const TraceField> fields) {
  if (name == "scrub.log_damaged") {
    // (What cannot be read now may be read in the next pass.)
    const bool is_damaged = BeginsWith(fields, "cause", "DATA_LOSS");
    ++(is_damaged ? counts_.log_rewritten : counts_.unreadable);
  } else if (name == "log.repaired") {
    ++counts_.log_mended;
  } else if (name == "log.failed") {
    ++counts_.log_failed;
  } else if (name == "log.space") {
    counts_.log_full += IsOne(fields, "full") ? 1 : 0;
  } else if (name == "scrub.store_damaged") {
    ++counts_.state_damaged;
  } else if (name == "store.set_aside") {
    ++counts_.state_set_aside;
  } else if (name == "replica.state_lost") {
    ++counts_.state_lost;
  } else if (name == "store.no_space") {
    ++counts_.state_full;
  } else if (name == "store.unreadable") {
    ++counts_.unreadable;
  } else if (name == "replica.snapshot_installed") {
    ++counts_.snapshots_installed;
  } else if (name == "snapshot.received") {
    counts_.snapshots_damaged += BeginsWith(fields, "status", "DATA_LOSS") ? 1 : 0;
  }
}

}  // namespace lockstep::replica
