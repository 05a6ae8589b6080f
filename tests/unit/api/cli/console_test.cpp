#include "api/cli/console.h"

#include <gtest/gtest.h>

namespace hub::api {
namespace {

TEST(Console, Texts) {
  EXPECT_EQ(size_text(999), "999 B");
  EXPECT_EQ(size_text(98'200'000), "98.2 MB");
  EXPECT_EQ(size_text(999'960), "1.0 MB");
  EXPECT_EQ(size_text(5'000'000'000'000'000), "5000.0 TB");
  EXPECT_EQ(duration_text(12.4), "12 s");
  EXPECT_EQ(duration_text(187), "3:07");
  EXPECT_EQ(duration_text(3765), "1:02:45");
  EXPECT_EQ(table({{"A", "B"}, {"ééé", "x"}, {"a", ""}}), "A    B\nééé  x\na\n");
}

}  // namespace
}  // namespace hub::api
