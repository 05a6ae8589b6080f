#include "core/engine/prefix_cache.h"

#include <numeric>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/tiny_model.h"

namespace hub::engine {
namespace {

namespace mx = mlx::core;

// count tokens: first, first + 1, …
std::vector<int> tokens_from(int first, std::size_t count) {
  std::vector<int> tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

std::vector<int> with(std::vector<int> tokens, std::initializer_list<int> more) {
  tokens.insert(tokens.end(), more);
  return tokens;
}

class PrefixCacheTest : public testing::Test {
 protected:
  // A cache with so many rows; row i of every layer holds i.
  [[nodiscard]] models::KvCache rows(int count) const {
    models::KvCache cache(config_);
    cache.reserve(count);
    for (int layer = 0; layer < config_.num_hidden_layers; ++layer) {
      models::KvCache::Layer& arrays = cache.layer(layer, mx::float32);
      const mx::Shape shape = arrays.keys.shape();
      arrays.keys = mx::broadcast_to(
          mx::reshape(mx::arange(static_cast<float>(shape[1])), {1, shape[1], 1}), shape);
      arrays.values = arrays.keys;
    }
    cache.advance(count);
    return cache;
  }

  const model_config::ModelConfig config_ =
      model_config::ModelConfig::from_json(test::tiny_config());
  PrefixCache prefixes_{false};
  const PrefixOwner base_{};
};

TEST_F(PrefixCacheTest, GivesTheLongestCommonBeginning) {
  prefixes_.keep(base_, tokens_from(0, 40), rows(40));
  prefixes_.keep(base_, with(tokens_from(0, 20), {90, 91}), rows(22));
  EXPECT_EQ(prefixes_.entries(), 2U);
  const auto wanted = with(tokens_from(0, 30), {95, 95, 95});
  EXPECT_EQ(prefixes_.find(base_, wanted), 30U);
  models::KvCache copy = prefixes_.begin(base_, wanted).value();
  EXPECT_EQ(copy.length(), 30);
  const mx::array keys = copy.layer(1, mx::float32).keys;
  EXPECT_EQ(mx::slice(keys, {0, 29, 0}, {1, 30, 1}).item<float>(), 29.0F);
  EXPECT_EQ(prefixes_.entries(), 2U);  // a copy: the entry has more
}

TEST_F(PrefixCacheTest, AnEntryThatHasNoMoreIsGivenItself) {
  prefixes_.keep(base_, tokens_from(0, 40), rows(40));
  EXPECT_EQ(prefixes_.begin(base_, tokens_from(0, 50)).value().length(), 40);
  EXPECT_EQ(prefixes_.entries(), 0U);
  EXPECT_EQ(prefixes_.bytes(), 0U);
}

TEST_F(PrefixCacheTest, ShortBeginningsAreNotWorthIt) {
  prefixes_.keep(base_, tokens_from(0, 15), rows(15));
  EXPECT_EQ(prefixes_.entries(), 0U);
  prefixes_.keep(base_, tokens_from(0, 40), rows(40));
  EXPECT_EQ(prefixes_.find(base_, with(tokens_from(0, 15), {90, 91})), 0U);
  EXPECT_FALSE(prefixes_.begin(base_, with(tokens_from(0, 15), {90, 91})).has_value());
}

TEST_F(PrefixCacheTest, WhatALongerOneHoldsIsNotKeptTwice) {
  prefixes_.keep(base_, tokens_from(0, 20), rows(20));
  prefixes_.keep(base_, tokens_from(0, 40), rows(40));
  EXPECT_EQ(prefixes_.entries(), 1U);
  prefixes_.keep(base_, tokens_from(0, 30), rows(30));
  EXPECT_EQ(prefixes_.entries(), 1U);
  EXPECT_EQ(prefixes_.find(base_, tokens_from(0, 90)), 40U);
}

TEST_F(PrefixCacheTest, AdaptersAndScopesShareNothing) {
  const auto adapter = std::make_shared<const nn::LoraAdapter>();
  const auto other = std::make_shared<const nn::LoraAdapter>();
  prefixes_.keep({.adapter = adapter, .scope = "one"}, tokens_from(0, 40), rows(40));
  const auto wanted = tokens_from(0, 60);
  EXPECT_EQ(prefixes_.find({.adapter = adapter, .scope = "one"}, wanted), 40U);
  EXPECT_EQ(prefixes_.find({.adapter = adapter, .scope = "two"}, wanted), 0U);
  EXPECT_EQ(prefixes_.find({.adapter = other, .scope = "one"}, wanted), 0U);
  EXPECT_EQ(prefixes_.find({.adapter = nullptr, .scope = "one"}, wanted), 0U);
}

TEST_F(PrefixCacheTest, WhatAGoneAdapterLeftGoes) {
  auto adapter = std::make_shared<const nn::LoraAdapter>();
  prefixes_.keep({.adapter = adapter, .scope = {}}, tokens_from(0, 40), rows(40));
  prefixes_.shrink(prefixes_.bytes());
  EXPECT_EQ(prefixes_.entries(), 1U);
  adapter.reset();
  prefixes_.shrink(prefixes_.bytes());
  EXPECT_EQ(prefixes_.entries(), 0U);
}

TEST_F(PrefixCacheTest, ThoseUnusedForLongestGoFirst) {
  prefixes_.keep(base_, tokens_from(0, 20), rows(20));
  prefixes_.keep(base_, tokens_from(30, 20), rows(20));
  prefixes_.keep(base_, tokens_from(60, 20), rows(20));
  const std::uint64_t each = prefixes_.bytes() / 3;
  EXPECT_GT(each, 0U);
  // A copy counts as use.
  EXPECT_TRUE(prefixes_.begin(base_, with(tokens_from(0, 18), {90})).has_value());
  prefixes_.shrink(2 * each);
  EXPECT_EQ(prefixes_.find(base_, tokens_from(0, 30)), 20U);
  EXPECT_EQ(prefixes_.find(base_, tokens_from(30, 30)), 0U);
  EXPECT_EQ(prefixes_.find(base_, tokens_from(60, 30)), 20U);
  prefixes_.shrink(0);
  EXPECT_EQ(prefixes_.bytes(), 0U);
}

TEST_F(PrefixCacheTest, WhatGoesIsGivenToWhoeverWantsIt) {
  std::vector<KeptPrefix> left;
  prefixes_.on_leave([&left](KeptPrefix prefix) { left.push_back(std::move(prefix)); });
  auto adapter = std::make_shared<nn::LoraAdapter>();
  adapter->digest = "digest1";
  prefixes_.keep({.adapter = adapter, .scope = "key1"}, tokens_from(0, 40), rows(40));
  prefixes_.keep(base_, tokens_from(50, 20), rows(20));
  prefixes_.keep(base_, tokens_from(30, 20), rows(20));
  EXPECT_EQ(prefixes_.take_newest()->tokens, tokens_from(30, 20));
  adapter.reset();
  prefixes_.shrink(prefixes_.bytes());
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].adapter_digest, "digest1");
  EXPECT_EQ(left[0].scope, "key1");
  EXPECT_EQ(left[0].cache.length(), 40);
  prefixes_.shrink(0);
  ASSERT_EQ(left.size(), 2U);
  EXPECT_TRUE(left[1].of_base);
  EXPECT_EQ(left[1].tokens, tokens_from(50, 20));
  EXPECT_FALSE(prefixes_.take_newest().has_value());
}

TEST_F(PrefixCacheTest, RecurrentStatesAreUsedWholeOrNotAtAll) {
  PrefixCache whole(true);
  whole.keep(base_, tokens_from(0, 40), rows(40));
  whole.keep(base_, tokens_from(0, 20), rows(20));
  EXPECT_EQ(whole.entries(), 2U);
  EXPECT_EQ(whole.find(base_, tokens_from(0, 30)), 20U);
  EXPECT_EQ(whole.find(base_, tokens_from(0, 50)), 40U);
}

}  // namespace
}  // namespace hub::engine
