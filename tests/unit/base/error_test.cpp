#include "core/base/error.h"

#include <gtest/gtest.h>

namespace hub::base {
namespace {

TEST(Error, NamesGoBothWays) {
  for (const ErrorCode code :
       {ErrorCode::kInvalidArgument,
        ErrorCode::kNotFound,
        ErrorCode::kUnprocessable,
        ErrorCode::kNotImplemented}) {
    EXPECT_EQ(error_code_from(to_string(code)), code);
  }
  EXPECT_EQ(error_code_from("no such code"), ErrorCode::kInternal);
}

}  // namespace
}  // namespace hub::base
