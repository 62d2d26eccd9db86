#include "docs-memory/store/offline.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "docs-memory/store/reusing.h"
#include "framework/base/check.h"
#include "framework/base/status_macros.h"
#include "framework/replica/log_recovery.h"

namespace lockstep::docs {

absl::Status ApplyEntry(Fiber& fiber, std::string_view payload, Applier& applier,
                        machine::StoreTransaction& transaction) {
  ASSIGN_OR_RETURN(std::vector<Mutation> batch, DecodeBatch(payload));
  ReusingTransaction view(transaction);
  for (Mutation& mutation : batch) {
    if (mutation.op == MutationOp::kPut && mutation.collection == 0) {
      applier.set_node(mutation.rev.node);  // the first entry of all
      continue;
    }
    ASSIGN_OR_RETURN(const Change change, applier.Prepare(fiber, view, std::move(mutation)));
    applier.Commit(change, transaction);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<OfflineStore>> OfflineStore::Open(Fiber& fiber,
                                                                 runtime::Environment& environment,
                                                                 machine::OrderedStore& rows,
                                                                 const StoreOptions& options,
                                                                 Log from) {
  auto store = std::unique_ptr<OfflineStore>(new OfflineStore());
  replica::RecoveredLog log;
  if (from == Log::kReplayed) {
    ASSIGN_OR_RETURN(log, replica::ExamineLog(fiber, environment.disk, options.directory + "/log",
                                              {kStoreLogOwner, environment.node, environment.shard},
                                              options.cipher));
  }
  store->log_bytes_ = log.segments.bytes();
  store->group_ = rows.Group(kStoreGroup);
  RETURN_IF_ERROR(store->applier_.Load(fiber, *store->group_->Snapshot()));
  const replica::RecoveredGroup& group = log.groups[kStoreGroup];
  uint64_t applied = store->applier_.state().applied;
  if (group.snapshot.index.value() > applied) {
    return absl::DataLossError(absl::StrCat("documents: the log begins behind entry ",
                                            group.snapshot.index.value(),
                                            ", but the rows are those of entry ", applied));
  }
  std::unique_ptr<machine::StoreTransaction> transaction = store->group_->Begin();
  for (const raft::Entry& entry : group.entries) {
    if (entry.index.value() <= applied) continue;
    CHECK_EQ(entry.index.value(), applied + 1);
    RETURN_IF_ERROR(ApplyEntry(fiber, *entry.payload, store->applier_, *transaction));
    applied = entry.index.value();
    ++store->entries_replayed_;
  }
  auto state = std::make_shared<ReadState>();
  state->view = std::move(transaction);
  state->catalog = store->applier_.catalog();
  state->state = store->applier_.state();
  store->state_ = std::move(state);
  return store;
}

}  // namespace lockstep::docs
