#include "core/engine/prompt_lookup.h"

#include <gtest/gtest.h>

namespace hub::engine {
namespace {

using Tokens = std::vector<int>;

TEST(PromptLookup, ContinuesAsTheSameWordsDidBefore) {
  EXPECT_EQ(look_up(Tokens{1, 2, 3, 4, 5, 9, 2, 3}, {}, 3), (Tokens{4, 5, 9}));
  EXPECT_EQ(look_up(Tokens{1, 2, 3, 4, 5, 9, 2, 3}, {}, 1), Tokens{4});
  // What follows may reach into the end itself.
  EXPECT_EQ(look_up(Tokens{7, 8, 7, 8}, {}, 9), (Tokens{7, 8}));
}

TEST(PromptLookup, TheLongestAgreementWinsThenTheLatest) {
  EXPECT_EQ(look_up(Tokens{1, 2, 3, 50, 2, 3, 60, 1, 2, 3}, {}, 1), Tokens{50});
  EXPECT_EQ(look_up(Tokens{2, 3, 50, 2, 3, 60, 2, 3}, {}, 1), Tokens{60});
}

TEST(PromptLookup, OneTokenInCommonIsTooFew) {
  EXPECT_TRUE(look_up(Tokens{1, 2, 3, 9, 3}, {}, 4).empty());
  EXPECT_TRUE(look_up(Tokens{1}, {}, 4).empty());
  EXPECT_TRUE(look_up({}, Tokens{1, 2}, 4).empty());
  EXPECT_TRUE(look_up(Tokens{1, 2, 3, 1, 2}, {}, 0).empty());
}

TEST(PromptLookup, AHintIsLookedThroughFirst) {
  EXPECT_EQ(look_up(Tokens{1, 2, 30, 1, 2}, Tokens{1, 2, 40, 41}, 4), (Tokens{40, 41}));
  // Its last token has nothing behind it, and longer agreement elsewhere is better.
  EXPECT_EQ(look_up(Tokens{1, 2, 30, 1, 2}, Tokens{8, 1, 2}, 1), Tokens{30});
  EXPECT_EQ(look_up(Tokens{0, 1, 2, 30, 0, 1, 2}, Tokens{1, 2, 40}, 1), Tokens{30});
}

}  // namespace
}  // namespace hub::engine
