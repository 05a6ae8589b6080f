#include "core/text/rust_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hub::text {
namespace {

TEST(RustCall, APanicComesBackAsAnErrorAndPrintsNothing) {
  testing::internal::CaptureStderr();
  try {
    rust_call("a call: ", hub_text_panic_for_test);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInternal);
    EXPECT_THAT(error.what(), testing::StartsWith("a call: the text library panicked at "));
    EXPECT_THAT(error.what(), testing::EndsWith(": on purpose"));
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace hub::text
