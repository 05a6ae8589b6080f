#include "core/models/qwen3_5.h"

#include <string>
#include <unordered_map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/model_config/memory_estimate.h"
#include "core/model_config/tensor_check.h"
#include "tests/unit/models/family_case.h"
#include "tests/unit/models/forward.h"

namespace hub::models {
namespace {

// As published before conversion by mlx-lm (mlx_lm/models/qwen3_5.py › sanitize): norms as their
// distance from 1, convolutions as PyTorch has them, and heads that nobody uses.
test::Tensors published(const test::Tensors& tensors) {
  test::Tensors result;
  for (const auto& [name, tensor] : tensors) {
    const bool is_norm = name.ends_with("layernorm.weight") || name == "model.norm.weight" ||
                         name.ends_with("q_norm.weight") || name.ends_with("k_norm.weight");
    const bool is_convolution = name.ends_with("conv1d.weight");
    result.insert(
        {name,
         is_norm          ? mx::subtract(tensor, mx::array(1.0F))
         : is_convolution ? mx::contiguous(mx::swapaxes(tensor, 1, 2))
                          : tensor});
  }
  result.insert({"mtp.norm.weight", mx::ones({4})});
  return result;
}

TEST(Qwen35, FoldersMayBeAsPublished) {
  const FamilyCase golden("qwen3_5");
  const test::TempDir folder;
  test::write_model(folder.path(), golden.config(), published(golden.tensors()));
  EXPECT_NO_THROW(model_config::check_model_folder(folder.path()));
  const std::vector<int> tokens = golden.sequences("inputs")[0];
  const mx::array logits = forward(*load_model(folder.path()), tokens);
  EXPECT_LE(relative_error(logits, forward(*golden.load(), tokens)), 1e-5F);
}

TEST(Qwen35, ACacheHasStatesThatGoBackToTheBeginningAlone) {
  const FamilyCase golden("qwen3_5");
  const auto model = golden.load();
  const std::vector<int> tokens = golden.sequences("inputs")[0];
  KvCache cache(model->config());
  EXPECT_EQ(cache.bytes(), model_config::state_bytes_per_sequence(model->config()));
  const mx::array first = step(*model, {tokens}, {&cache});
  EXPECT_EQ(
      cache.bytes(),
      model_config::state_bytes_per_sequence(model->config()) +
          64 * model_config::kv_bytes_per_token(model->config()));
  EXPECT_THROW(cache.trim(3), base::Error);
  cache.trim(cache.length());
  cache.trim(0);
  EXPECT_TRUE(same_bits(step(*model, {tokens}, {&cache}), first));
}

// Wherever a step of guesses is cut: the bits of a cache that never had them.
TEST(Qwen35, StatesGoBackWithinAStepOfGuesses) {
  const FamilyCase golden("qwen3_5");
  const auto model = golden.load();
  const std::vector<int> tokens = golden.sequences("inputs")[0];
  const std::vector<int> prompt(tokens.begin(), tokens.begin() + 5);
  const std::vector<int> guessed(tokens.begin() + 5, tokens.begin() + 12);
  const std::vector<int> next{7, 9};
  for (int kept = 0; kept <= 7; ++kept) {
    KvCache cache(model->config());
    KvCache plain(model->config());
    KvCache other(model->config());
    for (KvCache* each : {&cache, &plain, &other}) {
      static_cast<void>(step(*model, {prompt}, {each}));
    }
    static_cast<void>(step(*model, {guessed, guessed}, {&other, &cache}, {}, 6));
    const std::uint64_t with_the_way_back = cache.bytes();
    cache.trim(5 + kept);
    EXPECT_EQ(cache.length(), 5 + kept);
    EXPECT_LT(cache.bytes(), with_the_way_back);
    if (kept > 0) {
      const std::vector<int> stayed(guessed.begin(), guessed.begin() + kept);
      static_cast<void>(step(*model, {stayed}, {&plain}));
    }
    EXPECT_EQ(cache.bytes(), plain.bytes());
    EXPECT_TRUE(same_bits(step(*model, {next}, {&cache}), step(*model, {next}, {&plain}))) << kept;
    const auto parts = cache.parts();
    const auto expected = plain.parts();
    ASSERT_EQ(parts.size(), expected.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (!parts[i].has_rows) {
        EXPECT_TRUE(same_bits(parts[i].array, expected[i].array)) << parts[i].name << " " << kept;
      }
    }
  }
}

TEST(Qwen35, StatesGoBackNoFurtherThanThatAndOnce) {
  const FamilyCase golden("qwen3_5");
  const auto model = golden.load();
  const std::vector<int> tokens = golden.sequences("inputs")[0];
  KvCache cache(model->config());
  static_cast<void>(step(*model, {tokens}, {&cache}));
  const int before = cache.length();
  static_cast<void>(step(*model, {{1, 2, 3, 4}}, {&cache}, {}, 3));
  EXPECT_THROW(cache.trim(before - 1), base::Error);
  EXPECT_EQ(cache.length(), before + 4) << "nothing changed";
  cache.trim(before + 2);
  EXPECT_THROW(cache.trim(before + 1), base::Error) << "that is over";
  static_cast<void>(step(*model, {{1, 2, 3, 4}}, {&cache}, {}, 3));
  static_cast<void>(step(*model, {{5}}, {&cache}));
  EXPECT_THROW(cache.trim(before + 5), base::Error) << "a later step had no guesses";
}

TEST(Qwen35, ACacheOfItsPartsGoesOnAsTheCacheItself) {
  const FamilyCase golden("qwen3_5");
  const auto model = golden.load();
  const std::vector<int> tokens = golden.sequences("inputs")[0];
  KvCache cache(model->config());
  static_cast<void>(step(*model, {tokens}, {&cache}));
  std::unordered_map<std::string, mx::array> parts;
  for (const KvCache::Part& part : cache.parts()) {
    mx::Shape end = part.array.shape();
    if (part.has_rows) {
      end[1] = cache.length();
    }
    const mx::Shape begin(end.size(), 0);
    parts.insert({part.name, mx::contiguous(mx::slice(part.array, begin, end))});
  }
  EXPECT_TRUE(parts.contains("conv.0"));
  EXPECT_TRUE(parts.contains("delta.0"));
  KvCache same = KvCache::of_parts(model->config(), cache.length(), parts);
  EXPECT_EQ(same.length(), cache.length());
  EXPECT_TRUE(same_bits(step(*model, {tokens}, {&same}), step(*model, {tokens}, {&cache})));

  const mx::array delta = parts.at("delta.0");
  parts.erase("delta.0");
  EXPECT_THROW(KvCache::of_parts(model->config(), 3, parts), base::Error);
  parts.insert({"delta.0", delta});
  EXPECT_THROW(KvCache::of_parts(model->config(), 3, parts), base::Error) << "other rows";
}

}  // namespace
}  // namespace hub::models
