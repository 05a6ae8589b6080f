#include "core/base/lenient_json.h"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hub::base {
namespace {

TEST(LenientJson, IsAbsentWhereTheTextIsNone) {
  EXPECT_EQ(parse_json_if_valid("[1]").value(), Json::array({1}));
  for (const std::string& text :
       {std::string("[1"), std::string("1e999"), std::string(1'000'000, '[')}) {
    EXPECT_EQ(parse_json_if_valid(text), std::nullopt) << text.substr(0, 10);
  }
}

}  // namespace
}  // namespace hub::base
