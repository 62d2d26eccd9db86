#include "framework/edge/grpc_budget.h"

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "framework/base/check.h"

namespace lockstep::edge {
namespace {

void Adjust(MemoryBudget& budget, size_t& charged, size_t bytes) {
  if (bytes > charged) {
    budget.Charge(bytes - charged);
  } else if (bytes < charged) {
    budget.Release(charged - bytes);
  }
  charged = bytes;
}

}  // namespace

size_t GrpcBudget::begun_bytes_free() const {
  const size_t set_aside = requests.bytes_max() / 4;
  return requests.free_bytes() - std::min(requests.free_bytes(), set_aside);
}

size_t GrpcBudget::missing_bytes() const {
  // Any request may begin.
  const size_t quarter = requests.bytes_max() / 4;
  const size_t requests_free_min = quarter + std::min(quarter, limits::kGrpcMessageBytesMax);
  const size_t requests_missing =
      requests_free_min - std::min(requests_free_min, requests.free_bytes());
  return std::max({requests_missing, responses.missing_bytes(), overflow.missing_bytes()});
}

ConnectionBudget::~ConnectionBudget() {
  Settle(0, 0);
  CHECK_EQ(reserved_bytes_, 0u) << "a call outlives its connection";
  CHECK_EQ(response_bytes_ + overflow_bytes_, 0u);
}

void ConnectionBudget::Settle(size_t request_bytes, size_t queued_bytes) {
  Adjust(server_.requests, request_bytes_, request_bytes);
  Adjust(queue_, queued_bytes_, queued_bytes);
  Share();
  if (server_.is_short()) server_.pressure.WakeAll();
}

bool ConnectionBudget::Reserve(Fiber& fiber, size_t bytes, MonoTime deadline) {
  CHECK_LE(bytes, queue_.bytes_max());
  if (!queue_.Acquire(fiber, bytes, deadline)) return false;
  auto give_back = absl::MakeCleanup([&] { queue_.Release(bytes); });
  if (!turn_.Acquire(fiber, deadline)) return false;
  const auto end_turn = absl::MakeCleanup([&] { turn_.Release(); });
  if (!server_.overflow.Acquire(fiber, 0, deadline)) return false;
  if (!server_.responses.Acquire(fiber, bytes, deadline)) return false;
  std::move(give_back).Cancel();
  reserved_bytes_ += bytes;
  response_bytes_ += bytes;
  Share();
  return true;
}

void ConnectionBudget::Unreserve(size_t bytes) {
  CHECK_GE(reserved_bytes_, bytes);
  reserved_bytes_ -= bytes;
  queue_.Release(bytes);
  Share();
}

void ConnectionBudget::Share() {
  const size_t held = queued_bytes_ + reserved_bytes_;
  const size_t shared = std::min(held, queue_.bytes_max());
  Adjust(server_.responses, response_bytes_, shared);
  Adjust(server_.overflow, overflow_bytes_, held - shared);
}

}  // namespace lockstep::edge
