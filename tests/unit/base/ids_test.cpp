#include "core/base/ids.h"

#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace hub::base {
namespace {

TEST(NewId, IsAUuidSevenThatSortsByCreation) {
  std::string last;
  for (int i = 0; i < 10000; ++i) {
    const std::string id = new_id();
    ASSERT_TRUE(is_id(id)) << id;
    ASSERT_EQ(id[14], '7');
    ASSERT_TRUE(std::string("89ab").find(id[19]) != std::string::npos) << id;
    ASSERT_LT(last, id);
    last = id;
  }
}

TEST(NewId, NeverRepeatsAcrossThreads) {
  std::vector<std::vector<std::string>> made(4);
  std::vector<std::thread> threads;
  threads.reserve(made.size());
  for (auto& ids : made) {
    threads.emplace_back([&ids] {
      for (int i = 0; i < 2000; ++i) {
        ids.push_back(new_id());
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  std::set<std::string> all;
  for (const auto& ids : made) {
    all.insert(ids.begin(), ids.end());
  }
  EXPECT_EQ(all.size(), 8000U);
}

TEST(IsId, KnowsTheForm) {
  EXPECT_FALSE(is_id(""));
  EXPECT_FALSE(is_id("0190B4A2-7c1e-7000-8000-000000000000"));  // upper case
  EXPECT_FALSE(is_id("0190b4a2-7c1e-7000-8000-00000000000g"));
  EXPECT_FALSE(is_id("0190b4a2x7c1e-7000-8000-000000000000"));
}

TEST(CheckName, TakesNamesAndRefusesTheRest) {
  for (const char* good : {"a", "Llama-3-8B-MLX", "smollm2-135m-instruct", "v1.2_x", "0"}) {
    EXPECT_NO_THROW(check_name(good, "name")) << good;
  }
  EXPECT_NO_THROW(check_name(std::string(100, 'a'), "name"));
  for (const std::string& bad :
       {std::string(),
        std::string("-a"),
        std::string(".a"),
        std::string("a b"),
        std::string("a/b"),
        std::string("a:1"),
        std::string("a@b"),
        std::string("a+b"),
        std::string("..\\x"),
        std::string("\xc3\xa4"),
        std::string(101, 'a')}) {
    EXPECT_THROW(check_name(bad, "name"), Error) << bad;
  }
}

}  // namespace
}  // namespace hub::base
