// Reading versions of keys: the newest ones from kPrimary alone; those of an old revision from
// kIndex, where kPrimary and kHistory say which revision it is.
#ifndef LOCKSTEP_KV_KEYSPACE_H_
#define LOCKSTEP_KV_KEYSPACE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "framework/machine/ordered_store.h"
#include "kv/key_codec.h"
#include "kv/record.h"

namespace lockstep::kv {

// Called with a key and the version that was asked for; never a tombstone. Both are valid during
// the call only. Must not suspend. False ends the walk.
using VersionVisitor =
    absl::FunctionRef<absl::StatusOr<bool>(std::string_view key, const Record& record)>;
// The same with the encoded row of kPrimary (a Newest).
using RowVisitor =
    absl::FunctionRef<absl::StatusOr<bool>(std::string_view key, std::string_view row)>;

// The row of the key in kPrimary; nothing if the key does not exist.
absl::StatusOr<std::optional<std::string>> GetNewestRow(Fiber& fiber,
                                                        const machine::StoreView& view,
                                                        std::string_view key);

// Visits the range in the order of the keys, as of now. Touches no history.
absl::Status VisitNewest(Fiber& fiber, const machine::StoreView& view, const KeyRange& range,
                         VersionVisitor visitor);
absl::Status VisitNewestRows(Fiber& fiber, const machine::StoreView& view, const KeyRange& range,
                             RowVisitor visitor);

// Visits the range as it was when the revision was the newest one. The caller knows that the
// revision is not compacted.
absl::Status VisitAt(Fiber& fiber, const machine::StoreView& view, const KeyRange& range,
                     int64_t revision, VersionVisitor visitor);

}  // namespace lockstep::kv

#endif  // LOCKSTEP_KV_KEYSPACE_H_
