#include "core/models/kv_cache.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/model_config/kv_window.h"
#include "core/tensor/ops.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/unit/models/forward.h"

namespace hub::models {
namespace {

class Cache : public ::testing::Test {
 protected:
  Cache() {
    const test::TempDir folder;
    test::write_tiny_model(folder.path());
    model_ = load_model(folder.path());
  }
  std::unique_ptr<LanguageModel> model_;
};

std::vector<int> counting(int count) {
  std::vector<int> ids;
  ids.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    ids.push_back((7 * i + 3) % 96);
  }
  return ids;
}

TEST_F(Cache, GrowsGeometricallyAndKeepsWhatItHolds) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "the CPU kernels' promise";
  }
  KvCache cache(model_->config());
  EXPECT_EQ(cache.bytes(), 0U);
  const std::vector<int> ids = counting(200);
  std::vector<std::uint64_t> sizes;
  std::vector<mx::array> pieces;
  for (const int id : ids) {
    pieces.push_back(step(*model_, {{id}}, {&cache}));
    if (sizes.empty() || sizes.back() != cache.bytes()) {
      sizes.push_back(cache.bytes());
    }
  }
  // A token has 2 layers of keys and values, 2 heads of 16 float32.
  const std::uint64_t token = 512;
  EXPECT_EQ(sizes, (std::vector<std::uint64_t>{64 * token, 128 * token, 256 * token}));
  EXPECT_EQ(cache.length(), 200);
  EXPECT_EQ(cache.arrays().size(), 4U);
  EXPECT_TRUE(same_bits(mx::concatenate(pieces, 0), forward(*model_, ids)));
}

TEST_F(Cache, TrimmedRowsAreForgotten) {
  KvCache cache(model_->config());
  step(*model_, {{5, 17, 3, 80, 42}}, {&cache});
  cache.trim(2);
  EXPECT_EQ(cache.length(), 2);
  const mx::array after = step(*model_, {{9, 61}}, {&cache});
  const mx::array fresh = forward(*model_, {5, 17, 9, 61});
  EXPECT_TRUE(same_bits(after, rows(fresh, 2, 4)));
  cache.trim(100);
  EXPECT_EQ(cache.length(), 4);
}

// On a GPU the activations' type halves it.
TEST_F(Cache, KeepsTheTypeOfTheActivations) {
  KvCache cache(model_->config());
  step(*model_, {{5, 17, 3}}, {&cache});
  EXPECT_EQ(cache.bytes(), 64 * kv_bytes_per_token(*model_));
  KvCache half(model_->config());
  half.reserve(3);
  EXPECT_EQ(half.layer(0, mx::bfloat16).keys.dtype(), mx::bfloat16);
  EXPECT_EQ(half.layer(0, mx::bfloat16).values.shape(), (mx::Shape{2, 64, 16}));
  half.advance(3);
  half.reserve(70);
  EXPECT_EQ(half.layer(0, mx::float32).keys.dtype(), mx::bfloat16);  // it holds rows
  EXPECT_EQ(half.layer(0, mx::float32).keys.shape(1), 128);
}

base::Json with_wider_heads() {
  base::Json config = test::tiny_config();
  config["head_dim"] = 32;
  return config;
}

// The parameter: bits.
class WideModel : public ::testing::TestWithParam<int> {
 protected:
  WideModel() {
    const test::TempDir folder;
    test::write_tiny_model(folder.path(), with_wider_heads());
    model_ = load_model(folder.path());
  }
  [[nodiscard]] KvCache cache() const { return KvCache(model_->config(), options_); }

  std::unique_ptr<LanguageModel> model_;
  const KvCacheOptions options_{.bits = GetParam()};
};

class QuantizedCache : public WideModel {};

TEST_P(QuantizedCache, GrowsGeometricallyAndSaysTheSameHoweverItIsFed) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "the CPU kernels' promise";
  }
  const std::vector<int> ids = counting(200);
  KvCache whole = cache();
  const mx::array wanted = step(*model_, {ids}, {&whole});
  KvCache alone = cache();
  std::vector<std::uint64_t> sizes;
  std::vector<mx::array> pieces;
  for (const int id : ids) {
    pieces.push_back(step(*model_, {{id}}, {&alone}));
    if (sizes.empty() || sizes.back() != alone.bytes()) {
      sizes.push_back(alone.bytes());
    }
  }
  EXPECT_TRUE(same_bits(mx::concatenate(pieces, 0), wanted));
  // A token has 2 layers of keys and values, 2 heads of 32 elements with a scale and a bias.
  const std::uint64_t token = 8 * (4 * static_cast<std::uint64_t>(GetParam()) + 8);
  EXPECT_EQ(kv_bytes_per_token(*model_, options_), token);
  EXPECT_EQ(sizes, (std::vector<std::uint64_t>{64 * token, 128 * token, 256 * token}));
  EXPECT_EQ(alone.layer(0, mx::float32).keys.dtype(), mx::uint32);

  // In a batch, beside a cache of floats.
  KvCache first = cache();
  KvCache other(model_->config());
  const mx::array batch = step(*model_, {{ids.begin(), ids.begin() + 150}, ids}, {&first, &other});
  EXPECT_TRUE(same_bits(rows(batch, 0, 150), rows(wanted, 0, 150)));
  EXPECT_TRUE(same_bits(rows(batch, 150, 350), forward(*model_, ids)));
}

// What is rounded is near to what is not: the tiny model's logits in float32, relative to the
// largest.
TEST_P(QuantizedCache, LogitsAreNearThoseOfFloats) {
  const std::vector<int> ids = counting(100);
  KvCache rounded = cache();
  const float error = relative_error(step(*model_, {ids}, {&rounded}), forward(*model_, ids));
  EXPECT_GT(error, 0.0F);
  EXPECT_LT(error, GetParam() == 8 ? 0.02F : 0.3F);
}

TEST_P(QuantizedCache, GoesBackAndLendsItsBeginning) {
  const std::vector<int> ids = counting(90);
  KvCache whole = cache();
  step(*model_, {ids}, {&whole});
  KvCache lent = whole.prefix(70);
  mx::eval(lent.arrays());
  EXPECT_EQ(lent.length(), 70);
  EXPECT_EQ(lent.bytes(), 70 * kv_bytes_per_token(*model_, options_));
  whole.trim(70);
  const mx::array after = step(*model_, {{9, 61}}, {&whole});
  EXPECT_TRUE(same_bits(step(*model_, {{9, 61}}, {&lent}), after));
  std::vector<int> other(ids.begin(), ids.begin() + 70);
  other.insert(other.end(), {9, 61});
  KvCache fresh = cache();
  const mx::array wanted = step(*model_, {other}, {&fresh});
  if (!tensor::default_device_is_gpu()) {
    EXPECT_TRUE(same_bits(after, rows(wanted, 70, 72)));
  }
}

TEST_P(QuantizedCache, IsMadeOfItsPartsAndOfNoOthers) {
  const std::vector<int> ids = counting(50);
  KvCache whole = cache();
  step(*model_, {ids}, {&whole});
  std::unordered_map<std::string, mx::array> parts;
  for (const KvCache::Part& part : whole.parts()) {
    EXPECT_TRUE(part.has_rows) << part.name;
    EXPECT_EQ(part.array.dtype(), mx::uint32) << part.name;
    mx::Shape end = part.array.shape();
    end[1] = 50;
    parts.insert({part.name, mx::slice(part.array, mx::Shape{0, 0, 0}, end)});
  }
  KvCache same = KvCache::of_parts(model_->config(), 50, parts, options_);
  EXPECT_TRUE(same_bits(step(*model_, {{9, 61}}, {&same}), step(*model_, {{9, 61}}, {&whole})));
  const KvCacheOptions others{.bits = 12 - GetParam()};
  EXPECT_THROW(KvCache::of_parts(model_->config(), 50, parts, others), base::Error);
  EXPECT_THROW(KvCache::of_parts(model_->config(), 50, parts), base::Error);
  parts.at("keys.1") = mx::view(parts.at("keys.1"), mx::float32);
  EXPECT_THROW(KvCache::of_parts(model_->config(), 50, parts, options_), base::Error);
}

INSTANTIATE_TEST_SUITE_P(Bits, QuantizedCache, ::testing::Values(4, 8));

class RollingCache : public WideModel {
 protected:
  const KvCacheOptions rolls_{.bits = GetParam(), .window = 100, .sinks = 4};
};

TEST_P(RollingCache, DropsRowsAndSaysTheSameHoweverItIsFed) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "the CPU kernels' promise";
  }
  const std::vector<int> ids = counting(1200);
  KvCache whole(model_->config(), rolls_);
  const mx::array wanted = step(*model_, {ids}, {&whole});
  EXPECT_TRUE(whole.is_whole());
  const auto most = static_cast<std::uint64_t>(model_config::most_kv_rows(100, 256));
  const std::uint64_t token = kv_bytes_per_token(*model_, rolls_);
  for (const int chunk : {1, 100, 256}) {
    KvCache cache(model_->config(), rolls_);
    std::vector<mx::array> pieces;
    for (int begin = 0; begin < 1200; begin += chunk) {
      const int end = std::min(1200, begin + chunk);
      pieces.push_back(step(*model_, {{ids.begin() + begin, ids.begin() + end}}, {&cache}));
      EXPECT_LE(cache.bytes(), most * token);
    }
    EXPECT_TRUE(same_bits(mx::concatenate(pieces, 0), wanted)) << "chunks of " << chunk;
    EXPECT_EQ(cache.length(), 1200);
    EXPECT_FALSE(cache.is_whole());
  }
  // Within the window it says what a cache of all rows says, and nowhere else.
  KvCache all = cache();
  const mx::array others = step(*model_, {ids}, {&all});
  EXPECT_TRUE(same_bits(rows(others, 0, 100), rows(wanted, 0, 100)));
  EXPECT_FALSE(same_bits(rows(others, 100, 101), rows(wanted, 100, 101)));
}

TEST_P(RollingCache, GoesBackAsFarAsItsRowsGo) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "the CPU kernels' promise";
  }
  const std::vector<int> ids = counting(800);
  KvCache cache(model_->config(), rolls_);
  for (int begin = 0; begin < 800; begin += 200) {
    step(*model_, {{ids.begin() + begin, ids.begin() + begin + 200}}, {&cache});
  }
  ASSERT_FALSE(cache.is_whole());
  EXPECT_THROW(static_cast<void>(cache.prefix(100)), base::Error);
  EXPECT_THROW(cache.trim(150), base::Error);
  EXPECT_EQ(cache.length(), 800);
  cache.trim(650);  // after the last step began
  const mx::array after = step(*model_, {{9, 61}}, {&cache});
  std::vector<int> other(ids.begin(), ids.begin() + 650);
  other.insert(other.end(), {9, 61});
  KvCache fresh(model_->config(), rolls_);
  EXPECT_TRUE(same_bits(after, rows(step(*model_, {other}, {&fresh}), 650, 652)));
  cache.trim(0);
  EXPECT_TRUE(cache.is_whole());
  KvCache first(model_->config(), rolls_);
  EXPECT_TRUE(same_bits(step(*model_, {ids}, {&cache}), step(*model_, {ids}, {&first})));
}

INSTANTIATE_TEST_SUITE_P(Bits, RollingCache, ::testing::Values(0, 8));

}  // namespace
}  // namespace hub::models
