#include "core/data/example_store.h"

#include <filesystem>
#include <memory>

#include <gmock/gmock.h>

#include "tests/support/temp_dir.h"

namespace hub::data {
namespace {

Example row(int first, std::size_t length) {
  Example example;
  for (std::size_t i = 0; i < length; ++i) {
    example.tokens.push_back(first + static_cast<int>(i));
    example.trained.push_back(i % 3 == 1 ? 1 : 0);
  }
  return example;
}

void expect_equal(const Example& got, const Example& wanted) {
  EXPECT_EQ(got.tokens, wanted.tokens);
  EXPECT_EQ(got.trained, wanted.trained);
  EXPECT_EQ(got.rejected != nullptr, wanted.rejected != nullptr);
}

TEST(ExampleStore, GivesBackWhatItTook) {
  const test::TempDir folder;
  auto store = std::make_shared<ExampleStore>(folder.path());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "its file has no name";
  std::vector<Example> wanted;
  for (int i = 0; i < 5000; ++i) {  // more than the buffer holds
    wanted.push_back(row(i, 1 + static_cast<std::size_t>(i * 31) % 200));
    if (i % 7 == 0) {
      wanted.back().rejected = std::make_shared<const Example>(row(50'000 + i, 9));
    }
    store->add(wanted.back());
  }
  store->finish();
  const Examples rows(store);
  ASSERT_EQ(rows.size(), wanted.size());
  for (const std::size_t i : {0U, 1U, 7U, 2500U, 4999U}) {
    const Example got = rows.get(i);
    expect_equal(got, wanted[i]);
    if (wanted[i].rejected) {
      expect_equal(*got.rejected, *wanted[i].rejected);
    }
    const RowCounts counts = rows.counts(i);
    EXPECT_EQ(counts.tokens, wanted[i].tokens.size());
    EXPECT_EQ(counts.trained, wanted[i].trained_count());
    EXPECT_EQ(counts.rejected_tokens, wanted[i].rejected ? 9U : 0U);
  }
}

TEST(Examples, PicksAndKeepsTheOrder) {
  const Examples rows = std::vector{row(0, 2), row(10, 3), row(20, 4)};
  const std::vector<std::size_t> wanted{2, 0};
  const Examples some = rows.pick(wanted);
  ASSERT_EQ(some.size(), 2U);
  EXPECT_EQ(some.get(0).tokens.front(), 20);
  EXPECT_EQ(some.get(1).tokens.front(), 0);
  EXPECT_EQ(some.counts()[0].tokens, 4U);
  EXPECT_TRUE(Examples().empty());
}

}  // namespace
}  // namespace hub::data
