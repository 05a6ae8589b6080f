#include "api/server/http_error.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/busy_error.h"
#include "core/base/json.h"

namespace hub::api {
namespace {

using base::BusyError;
using base::Error;
using base::ErrorCode;

TEST(HttpError, SaysWhenToComeAgainWhereTheErrorKnows) {
  const Response busy =
      error_response(BusyError(ErrorCode::kUnavailable, "full", "engine_busy", 17));
  EXPECT_EQ(busy.status, 503);
  EXPECT_EQ(busy.headers.at("Retry-After"), "17");
  EXPECT_EQ(base::Json::parse(busy.body).at("error").at("code"), "engine_busy");
  EXPECT_EQ(base::Json::parse(busy.body).at("error").at("type"), "unavailable_error");

  const Response limited =
      error_response(BusyError(ErrorCode::kRateLimited, "too many", "key_queue_full", 3));
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.headers.at("Retry-After"), "3");
  EXPECT_EQ(base::Json::parse(limited.body).at("error").at("type"), "rate_limit_error");

  const Response unknown = error_response(Error(ErrorCode::kUnavailable, "no idea"));
  EXPECT_EQ(unknown.headers.at("Retry-After"), "1");
  const Response never = error_response(Error(ErrorCode::kInvalidArgument, "wrong"));
  EXPECT_FALSE(never.headers.contains("Retry-After"));
}

}  // namespace
}  // namespace hub::api
