#include "core/data/packing.h"

#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>

#include "core/data/example_source.h"

namespace hub::data {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Tokens first, first + 1, …, all trained but the first.
Example row(int first, std::size_t length) {
  Example example;
  example.tokens.resize(length);
  std::iota(example.tokens.begin(), example.tokens.end(), first);
  example.trained.assign(length, 1);
  if (length > 0) {
    example.trained[0] = 0;
  }
  return example;
}

TEST(PackRows, FillsTheFullestRowThatHasRoom) {
  // 7 opens a row with room for 3, 6 one with 4, 4 fits the second to the end, 2 the first.
  const std::vector<std::size_t> lengths{2, 6, 7, 4};
  const auto lists = pack_rows(lengths, 10);
  ASSERT_EQ(lists.size(), 2U);
  EXPECT_THAT(lists[0], ElementsAre(2U, 0U));
  EXPECT_THAT(lists[1], ElementsAre(1U, 3U));
  const Examples rows = std::vector{row(0, 2), row(10, 6), row(20, 7), row(30, 4)};
  const Examples joined = rows.join(lists);
  const Example first = joined.get(0);
  EXPECT_THAT(first.tokens, ElementsAre(20, 21, 22, 23, 24, 25, 26, 0, 1));
  EXPECT_THAT(first.packed, ElementsAre(7U));
  EXPECT_THAT(first.trained, ElementsAre(0, 1, 1, 1, 1, 1, 1, 0, 1));
  EXPECT_EQ(joined.counts(0).tokens, 9U);
  EXPECT_EQ(joined.counts(0).trained, 7U);
  EXPECT_THAT(joined.get(1).packed, ElementsAre(6U));
}

TEST(PackRows, LosesNothingAndKeepsTheLimit) {
  std::vector<std::size_t> lengths(200);
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    lengths[i] = 1 + (i * 37) % 61;
  }
  const auto tokens = std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
  const auto lists = pack_rows(lengths, 64);
  std::vector<std::size_t> all;
  for (const auto& list : lists) {
    std::size_t sum = 0;
    for (const std::size_t index : list) {
      sum += lengths[index];
      all.push_back(index);
    }
    EXPECT_LE(sum, 64U);
  }
  std::sort(all.begin(), all.end());
  std::vector<std::size_t> wanted(lengths.size());
  std::iota(wanted.begin(), wanted.end(), std::size_t{0});
  EXPECT_EQ(all, wanted);
  EXPECT_LE(lists.size(), (tokens + 63) / 64 + 3);  // best fit decreasing wastes little
}

TEST(PackRows, ALongerRowStaysAlone) {
  const auto lists = pack_rows(std::vector<std::size_t>{3, 12}, 10);
  ASSERT_EQ(lists.size(), 2U);
  EXPECT_THAT(lists[0], ElementsAre(1U));
}

TEST(PackRows, NothingBecomesNothing) {
  EXPECT_THAT(pack_rows({}, 10), IsEmpty());
}

TEST(PackRows, CountsAreTheJoinedRows) {
  const std::vector<RowCounts> counts{{2, 1, 0, 0}, {6, 5, 0, 0}, {7, 6, 0, 0}, {4, 3, 0, 0}};
  const auto sums = packed_counts(counts, 10);
  ASSERT_EQ(sums.size(), 2U);
  EXPECT_EQ(sums[0].tokens, 9U);
  EXPECT_EQ(sums[0].trained, 7U);
  EXPECT_EQ(sums[1].tokens, 10U);
}

}  // namespace
}  // namespace hub::data
