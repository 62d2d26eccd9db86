#include "framework/replica/appended_requests.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace lockstep::replica {
namespace {

constexpr SessionId kOne(1);
constexpr SessionId kOther(2);

std::vector<wire::ForwardItem> Items(const std::vector<uint64_t>& numbers) {
  std::vector<wire::ForwardItem> items;
  for (const uint64_t number : numbers) {
    items.push_back({RequestNumber(number), std::make_shared<const std::string>("payload")});
  }
  return items;
}

// What is left of these.
std::string New(const AppendedRequests& appended, SessionId session,
                const std::vector<uint64_t>& numbers) {
  std::vector<wire::ForwardItem> items = Items(numbers);
  appended.DropKnown(session, items);
  std::string left;
  for (const wire::ForwardItem& item : items) absl::StrAppend(&left, item.number.value(), " ");
  return left;
}

std::vector<RequestNumber> Numbers(const std::vector<uint64_t>& numbers) {
  std::vector<RequestNumber> result;
  for (const uint64_t number : numbers) result.emplace_back(number);
  return result;
}

TEST(AppendedRequests, WhatTheLogHoldsIsNotAppendedAgain) {
  AppendedRequests appended;
  appended.Add(kOne, Numbers({1, 2, 4}));
  EXPECT_EQ(New(appended, kOne, {1, 2, 3, 4, 5}), "3 5 ");
  EXPECT_EQ(New(appended, kOther, {1, 2}), "1 2 ") << "another node's numbers";
}

TEST(AppendedRequests, RegistrationsAreAlwaysAppended) {
  AppendedRequests appended;
  appended.Add(kOne, Numbers({0, 1}));
  EXPECT_EQ(New(appended, kOne, {0, 1}), "0 ");
}

TEST(AppendedRequests, WhatWasAppliedMayComeAgain) {
  AppendedRequests appended;
  appended.Add(kOne, Numbers({1, 2}));
  // As before its session is registered: it was applied without effect.
  appended.OnApplied({{kOne, RequestNumber(1), Admission::kUnknownSession, ""},
                      {kOther, RequestNumber(2), Admission::kNew, ""}});
  EXPECT_EQ(New(appended, kOne, {1, 2}), "1 ");
  EXPECT_EQ(appended.size(), 1u);
}

TEST(AppendedRequests, ANewTermKnowsNothing) {
  AppendedRequests appended;
  appended.Add(kOne, Numbers({1}));
  appended.Clear();
  EXPECT_EQ(New(appended, kOne, {1}), "1 ") << "the entry may have been replaced";
}

}  // namespace
}  // namespace lockstep::replica
