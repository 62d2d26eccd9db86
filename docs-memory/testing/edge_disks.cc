#include "docs-memory/testing/edge_disks.h"

#include <iterator>
#include <utility>

namespace lockstep::docs {
namespace {

constexpr uint64_t kRoomyBytes = uint64_t{1} << 40;

Duration UpTo(base::SequentialRandom& random, int64_t ms_min, uint64_t ms_more) {
  return Milliseconds(ms_min + static_cast<int64_t>(random.Below(ms_more)));
}

}  // namespace

void EdgeDisks::Later(SyncEdge& edge, Duration delay, std::function<void()> run) {
  world_.After(delay, {edge.node().id(), sim::EventKind::kNemesis, 0}, std::move(run));
}

void EdgeDisks::Damage(SyncEdge& edge, Extent extent) {
  Later(edge, UpTo(random_, 500, 6000), [this, &edge, extent] {
    if (is_healed_) return;
    const bool spoils = extent == Extent::kTable ? edge.SpoilTable(random_) : edge.Spoil(random_);
    if (spoils) ++report_.spoiled;
    if (random_.Below(3) != 0) {
      edge.node().PowerLoss();
      boot_later_(edge);
    }
    Damage(edge, extent);
  });
}

void EdgeDisks::Hang(SyncEdge& edge) {
  Later(edge, UpTo(random_, 200, 2500), [this, &edge] {
    if (is_healed_) return;
    edge.node().disk().Hang(world_.now() + Seconds(1));
    Later(edge, UpTo(random_, 20, 900), [this, &edge] {
      edge.node().PowerLoss();
      boot_later_(edge);
      Hang(edge);
    });
  });
}

void EdgeDisks::Misdirect(SyncEdge& edge) {
  edge.Misdirect();
  world_.rates().misdirected_ppm = 200 + random_.Below(3000);
}

void EdgeDisks::Copy(SyncEdge& edge, sim::SimNode& shelf) {
  Shelf& own = shelves_[edge.plan().name];
  own.edge = &edge;
  own.machine = &shelf;
  PlanCopy(own);
}

void EdgeDisks::PlanCopy(Shelf& shelf) {
  Later(*shelf.edge, UpTo(random_, 300, 3000), [this, &shelf] {
    if (is_healed_) return;
    CopySomewhere(shelf);
    PlanCopy(shelf);
  });
}

void EdgeDisks::CopySomewhere(Shelf& shelf) {
  SyncEdge& edge = *shelf.edge;
  SyncEdge& other =
      *std::next(shelves_.begin(), static_cast<int64_t>(random_.Below(shelves_.size())))
           ->second.edge;
  edge.node().PowerLoss();
  const uint64_t what = random_.Below(4);
  if (what == 0 && &other != &edge && other.plan().tenant == edge.plan().tenant) {
    other.node().PowerLoss();
    other.node().disk().CopyContents(edge.node().disk());
    other.Replaced();
    boot_later_(other);
    ++report_.copied;
  } else if (what <= 2 && shelf.is_filled) {
    edge.node().disk().CopyContents(shelf.machine->disk());
    edge.WentBack(shelf.writes);
    ++report_.copied;
  } else {
    shelf.machine->disk().CopyContents(edge.node().disk());
    shelf.writes = edge.writes();
    shelf.is_filled = true;
  }
  boot_later_(edge);
}

void EdgeDisks::Replace(SyncEdge& edge) {
  ++report_.replaced;
  edge.node().PowerLoss();
  edge.node().disk().Wipe();
  edge.Replaced();
  boot_later_(edge);
}

void EdgeDisks::Fill(SyncEdge& edge, base::SequentialRandom& random) {
  ++report_.full;
  edge.ExpectTrouble();
  edge.node().disk().set_capacity(edge.node().disk().used_bytes() + random.Below(64 * 1024));
  Later(edge, UpTo(random, 50, 1500), [&edge] { edge.node().disk().set_capacity(kRoomyBytes); });
}

}  // namespace lockstep::docs
