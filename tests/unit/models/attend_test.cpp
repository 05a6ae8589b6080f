#include "core/models/attend.h"

#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "core/base/error.h"
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

TEST_F(Cache, RowsThatAreNoBatchAreRefused) {
  EXPECT_THROW(
      static_cast<void>(model_->hidden(tokens_of({1, 2, 3}), causal_attend(*model_, 2, 2), {})),
      base::Error);
}

}  // namespace
}  // namespace hub::models
