#include "core/base/system_error.h"

#include <cerrno>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace hub::base {
namespace {

Error thrown(int error_number) {
  try {
    throw_system_error("write", "/somewhere/file", error_number);
  } catch (const Error& error) {
    return error;
  }
}

TEST(SystemError, SaysWhatFailedWhereAndWhy) {
  const Error error = thrown(EACCES);
  EXPECT_STREQ(error.what(), "cannot write /somewhere/file: Permission denied");
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_EQ(error.reason(), "");
}

TEST(SystemError, AFullDiskHasAReasonOfItsOwn) {
  EXPECT_EQ(thrown(ENOSPC).reason(), "disk_full");
}

}  // namespace
}  // namespace hub::base
