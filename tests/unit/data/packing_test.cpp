#include "core/data/packing.h"

#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>

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
  const auto packed = pack_rows({row(0, 2), row(10, 6), row(20, 7), row(30, 4)}, 10);
  ASSERT_EQ(packed.size(), 2U);
  EXPECT_THAT(packed[0].tokens, ElementsAre(20, 21, 22, 23, 24, 25, 26, 0, 1));
  EXPECT_THAT(packed[0].packed, ElementsAre(7U));
  EXPECT_THAT(packed[0].trained, ElementsAre(0, 1, 1, 1, 1, 1, 1, 0, 1));
  EXPECT_THAT(packed[1].tokens, ElementsAre(10, 11, 12, 13, 14, 15, 30, 31, 32, 33));
  EXPECT_THAT(packed[1].packed, ElementsAre(6U));
}

TEST(PackRows, LosesNothingAndKeepsTheLimit) {
  std::vector<Example> rows;
  std::size_t tokens = 0;
  std::size_t trained = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    rows.push_back(row(static_cast<int>(1000 * i), 1 + (i * 37) % 61));
    tokens += rows.back().tokens.size();
    trained += rows.back().trained_count();
  }
  const auto packed = pack_rows(rows, 64);
  std::vector<int> all;
  std::size_t still_trained = 0;
  std::size_t parts = 0;
  for (const Example& example : packed) {
    EXPECT_LE(example.tokens.size(), 64U);
    EXPECT_EQ(example.tokens.size(), example.trained.size());
    all.insert(all.end(), example.tokens.begin(), example.tokens.end());
    still_trained += example.trained_count();
    parts += example.packed.size() + 1;
    for (const std::size_t begin : example.packed) {
      EXPECT_EQ(example.tokens[begin] % 1000, 0) << "a part begins where a row does";
      EXPECT_EQ(example.trained[begin], 0);
    }
  }
  EXPECT_EQ(all.size(), tokens);
  EXPECT_EQ(still_trained, trained);
  EXPECT_EQ(parts, rows.size());
  EXPECT_LE(packed.size(), (tokens + 63) / 64 + 3);  // best fit decreasing wastes little
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end()) << "a token came twice";
}

TEST(PackRows, ALongerRowStaysAlone) {
  const auto packed = pack_rows({row(0, 3), row(10, 12)}, 10);
  ASSERT_EQ(packed.size(), 2U);
  EXPECT_EQ(packed[0].tokens.size(), 12U);
  EXPECT_THAT(packed[0].packed, IsEmpty());
}

TEST(PackRows, NothingBecomesNothing) {
  EXPECT_THAT(pack_rows({}, 10), IsEmpty());
}

}  // namespace
}  // namespace hub::data
