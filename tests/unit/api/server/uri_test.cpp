#include "api/server/uri.h"

#include <string>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace hub::api {
namespace {

TEST(PercentDecode, RefusesNulHoweverItIsWritten) {
  EXPECT_THROW(percent_decode("a%00b"), base::Error);
  EXPECT_THROW(percent_decode(std::string("a\0b", 3)), base::Error);
  EXPECT_EQ(
      percent_decode("a%01b"),
      "a\x01"
      "b");
}

}  // namespace
}  // namespace hub::api
