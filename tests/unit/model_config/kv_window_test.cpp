#include "core/model_config/kv_window.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace hub::model_config {
namespace {

std::string refused(int window, int sinks) {
  try {
    check_kv_window(window, sinks);
  } catch (const base::Error& error) {
    return error.param();
  }
  return "";
}

TEST(KvWindow, HoldsTheSinksAndMore) {
  EXPECT_EQ(refused(0, 4), "");
  EXPECT_EQ(refused(5, 4), "");
  EXPECT_EQ(refused(1, 0), "");
  EXPECT_EQ(refused(100, kMostKvSinks), "");
  EXPECT_EQ(refused(4, 4), "kv_window");
  EXPECT_EQ(refused(-1, 4), "kv_window");
  EXPECT_EQ(refused(0, -1), "kv_sinks");
  EXPECT_EQ(refused(1000, kMostKvSinks + 1), "kv_sinks");
}

TEST(KvWindow, RowsHaveABound) {
  EXPECT_EQ(most_kv_rows(0, 256), 0);
  EXPECT_EQ(most_kv_rows(1000, 1), 1000 + 64 + 256);
  EXPECT_EQ(most_kv_rows(1000, 512), 1000 + 64 + 512);
}

}  // namespace
}  // namespace hub::model_config
