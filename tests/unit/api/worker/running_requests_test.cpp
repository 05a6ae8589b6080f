#include "api/worker/running_requests.h"

#include <memory>

#include <gtest/gtest.h>

namespace hub::api {
namespace {

TEST(RunningRequests, ShowsThoseThatAreThere) {
  RunningRequests all(4);
  EXPECT_EQ(all.slots(), 4);
  EXPECT_TRUE(all.entries().empty());
  auto first = std::make_unique<RunningRequests::Place>(all, "a", 7);
  RunningRequests::Place second(all, "b", 8);
  second.count(3);
  const auto both = all.entries();
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].request_id, "a");
  EXPECT_EQ(both[0].prompt_tokens, 7);
  EXPECT_EQ(both[0].completion_tokens, 0);
  EXPECT_EQ(both[1].request_id, "b");
  EXPECT_EQ(both[1].completion_tokens, 3);
  EXPECT_GE(both[0].seconds, both[1].seconds);
  first.reset();
  ASSERT_EQ(all.entries().size(), 1U);
  EXPECT_EQ(all.entries()[0].request_id, "b");
}

}  // namespace
}  // namespace hub::api
