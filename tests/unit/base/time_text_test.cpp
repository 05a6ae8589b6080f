#include "core/base/time_text.h"

#include <gtest/gtest.h>

#include "core/base/clock.h"

namespace hub::base {
namespace {

TEST(TimeText, ReadsWhatIsWritten) {
  for (const std::int64_t ms : {0LL, 1LL, 951'782'400'123LL, 1'764'412'345'678LL}) {
    EXPECT_EQ(from_rfc3339(rfc3339(ms)), ms);
  }
  EXPECT_EQ(from_rfc3339("1970-01-01T00:00:01Z"), 1000);
  EXPECT_EQ(from_rfc3339("1970-01-01T00:00:01.5Z"), 1500);
  EXPECT_EQ(from_rfc3339("1970-01-01T00:00:01.123456789Z"), 1123);
  EXPECT_EQ(from_rfc3339("1970-01-01T02:00:00+02:00"), 0);
  EXPECT_EQ(from_rfc3339("1969-12-31T23:30:00-00:30"), 0);
}

TEST(TimeText, RefusesAnythingElse) {
  for (const char* text :
       {"",
        "now",
        "1970-01-01",
        "1970-01-01T00:00:01",
        "1970-01-01 00:00:01Z",
        "1970-13-01T00:00:01Z",
        "1970-02-30T00:00:01Z",
        "1970-01-01T24:00:01Z",
        "1970-01-01T00:60:01Z",
        "1970-01-01T00:00:01.Z",
        "1970-01-01T00:00:01Zx",
        "1970-01-01T00:00:01+25:00",
        "1970-01-01T00:00:01+0200",
        "+970-01-01T00:00:01Z",
        "1970-1-01T00:00:01Z"}) {
    EXPECT_FALSE(from_rfc3339(text)) << text;
  }
}

}  // namespace
}  // namespace hub::base
