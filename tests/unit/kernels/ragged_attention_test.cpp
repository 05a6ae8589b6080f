// Attention of many sequences at once on CUDA; elsewhere there is none.
#include <cstddef>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/kernels/composed_attention.h"
#include "core/kernels/ragged_attention_cuda.h"
#include "core/tensor/ops.h"
#include "tests/unit/kernels/attention_inputs.h"

namespace hub::kernels {
namespace {

// Of a sequence in a step: what the cache holds, and rows that come.
struct Part {
  int position;
  int rows = 1;
};

struct Step {
  mx::array q, k, v;
  std::vector<CachedSequence> sequences;
};

mx::array random_of(const mx::Shape& shape, std::uint32_t seed, mx::Dtype type) {
  mx::array made = mx::contiguous(mx::astype(random_array(shape, seed), type));
  mx::eval(made);
  return made;
}

constexpr int kDropped = 124;  // with 4 sinks: two tiles

Step step_of(
    const std::vector<Part>& parts,
    const AttentionShape& shape,
    mx::Dtype type,
    const RowWindow& window = {}) {
  int rows = 0;
  std::vector<CachedSequence> sequences;
  for (const Part& part : parts) {
    rows += part.rows;
    const int held = part.position + part.rows;
    RowWindow own = window;
    own.dropped = window.rows > 0 && part.position > window.rows + kDropped + 64 ? kDropped : 0;
    const mx::Shape cache{shape.kv_heads, held - own.dropped + 3, shape.head_dim};
    const auto seed = static_cast<std::uint32_t>(held);
    sequences.push_back(
        {random_of(cache, seed, type),
         random_of(cache, seed + 1, type),
         part.rows,
         part.position,
         {},
         own});
  }
  return {
      random_of({rows, shape.heads * shape.head_dim}, 1, type),
      random_of({rows, shape.kv_heads * shape.head_dim}, 2, type),
      random_of({rows, shape.kv_heads * shape.head_dim}, 3, type),
      std::move(sequences)};
}

class RaggedAttentionTest : public testing::Test {
 protected:
  // MLX's products of float32 are not rounded to TF32, then; it asks once.
  static void SetUpTestSuite() { ::setenv("MLX_ENABLE_TF32", "0", 0); }

  void SetUp() override {
    if (!tensor::default_device_is_cuda()) {
      GTEST_SKIP() << "needs CUDA";
    }
  }

  // Against MLX's operations, which compute in the same type: as far apart as that type's rounding.
  static void expect_equal(
      const Step& step,
      const AttentionShape& shape,
      const std::optional<mx::array>& sinks,
      const std::string& what) {
    const bool half = step.q.dtype() != mx::float32;
    const RotaryEmbedding rotation = rotation_of(shape.head_dim);
    ASSERT_TRUE(has_ragged_attention(step.q, step.sequences, shape)) << what;
    const auto stock =
        composed_cached_attention(step.q, step.k, step.v, rotation, step.sequences, shape, sinks);
    mx::eval(stock.out);
    StepTables tables;
    const auto own = ragged_attention_cuda(
        step.q, step.k, step.v, rotation, step.sequences, shape, sinks, tables);
    mx::eval(own.out);
    const auto error = [](const mx::array& a, const mx::array& b) {
      return relative_error(mx::astype(a, mx::float32), mx::astype(b, mx::float32));
    };
    EXPECT_LE(error(own.out, stock.out), half ? 1e-2 : 1e-5) << what;
    for (std::size_t i = 0; i < step.sequences.size(); ++i) {
      EXPECT_LE(error(own.caches[i].keys, stock.caches[i].keys), half ? 1e-2 : 1e-5) << what;
      EXPECT_LE(error(own.caches[i].values, stock.caches[i].values), 0.0) << what;
    }
  }
};

std::vector<Part> lengths_of(int count) {
  std::vector<Part> parts;
  parts.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    parts.push_back({(i * 37) % 300, 1 + i % 3});
  }
  return parts;
}

TEST_F(RaggedAttentionTest, EqualsMlxOperations) {
  const std::vector<Part> parts{{0}, {1}, {511}, {512}, {1300}, {20, 5}, {700, 3}};
  for (const auto type : {mx::bfloat16, mx::float16, mx::float32}) {
    for (const auto& shape :
         {shape_of(9, 3, 64),
          shape_of(4, 4, 64, true),
          shape_of(8, 1, 128),
          shape_of(14, 2, 64),
          shape_of(6, 1, 128),
          shape_of(8, 2, 256)}) {
      expect_equal(
          step_of(parts, shape, type),
          shape,
          std::nullopt,
          std::to_string(shape.heads) + " heads of " + std::to_string(shape.head_dim));
    }
  }
}

TEST_F(RaggedAttentionTest, TakesAnyNumberOfSequences) {
  for (const int count : {1, 8, 9, 33, 64, 65, 130}) {
    const auto shape = shape_of(4, 2, 64);
    expect_equal(
        step_of(lengths_of(count), shape, mx::bfloat16),
        shape,
        std::nullopt,
        std::to_string(count));
  }
}

TEST_F(RaggedAttentionTest, WindowsAndSinksEqualMlxOperations) {
  const std::vector<Part> parts{{0}, {3}, {99, 4}, {150}, {600}, {900, 2}};
  for (const bool learned : {false, true}) {
    auto shape = shape_of(6, 2, 64);
    std::optional<mx::array> sinks;
    if (learned) {
      sinks = random_of({shape.heads}, 77, mx::bfloat16);
    }
    expect_equal(step_of(parts, shape, mx::bfloat16), shape, sinks, "all");
    expect_equal(
        step_of(parts, shape, mx::bfloat16, {.rows = 128, .sinks = 4}), shape, sinks, "rolling");
    for (const int window : {1, 64, 700}) {
      shape.window = window;
      expect_equal(
          step_of(parts, shape, mx::bfloat16), shape, sinks, "window " + std::to_string(window));
    }
  }
}

TEST_F(RaggedAttentionTest, ARowHasTheSameBitsInAnyBatch) {
  const auto shape = shape_of(8, 2, 128);
  const std::vector<Part> parts{{40}, {511}, {1500}, {7}};
  const Step step = step_of(parts, shape, mx::bfloat16);
  StepTables tables;
  const auto run = [&](int begin, int end) {
    const std::vector<CachedSequence> some(
        step.sequences.begin() + begin, step.sequences.begin() + end);
    return ragged_attention_cuda(
               rows_of(step.q, begin, end),
               rows_of(step.k, begin, end),
               rows_of(step.v, begin, end),
               rotation_of(shape.head_dim),
               some,
               shape,
               std::nullopt,
               tables)
        .out;
  };
  const mx::array together = run(0, 4);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(
        mx::array_equal(run(i, i + 1), mx::slice(together, {i, 0}, {i + 1, together.shape(1)}))
            .item<bool>())
        << i;
  }
}

TEST_F(RaggedAttentionTest, WritesInPlaceWhatNobodyElseRefersTo) {
  const auto shape = shape_of(4, 2, 64);
  Step step = step_of({{10}, {20}}, shape, mx::bfloat16);
  const mx::array kept = step.sequences[0].keys;  // somebody else's
  const mx::array before = mx::astype(kept, mx::float32);
  mx::eval(before);
  const std::uintptr_t alone = step.sequences[1].keys.id();
  StepTables tables;
  const auto own = ragged_attention_cuda(
      step.q,
      step.k,
      step.v,
      rotation_of(shape.head_dim),
      std::move(step.sequences),
      shape,
      std::nullopt,
      tables);
  mx::eval(own.out);
  EXPECT_TRUE(mx::array_equal(mx::astype(kept, mx::float32), before).item<bool>());
  EXPECT_EQ(own.caches[1].keys.id(), alone);
  EXPECT_FALSE(mx::array_equal(own.caches[0].keys, kept).item<bool>());
}

TEST(RaggedAttention, DoesNotTakeWhatItsKernelsDoNot) {
  const auto shape = shape_of(4, 2, 64);
  const mx::array q = mx::zeros({1, 256}, mx::bfloat16);
  const auto takes = [&](const AttentionShape& of, mx::Dtype type, const RowFormat& format) {
    const mx::array cache = mx::zeros({2, 8, of.head_dim}, type);
    const std::vector<CachedSequence> one{{cache, cache, 1, 0, format}};
    return has_ragged_attention(q, one, of);
  };
  EXPECT_EQ(takes(shape, mx::bfloat16, {}), tensor::default_device_is_cuda());
  EXPECT_FALSE(takes(shape, mx::float32, {})) << "the cache has another type";
  EXPECT_FALSE(takes(shape, mx::uint32, {8, 32})) << "quantized";
  EXPECT_FALSE(takes(shape_of(4, 2, 80), mx::bfloat16, {})) << "no whole lanes";
  EXPECT_FALSE(takes(shape_of(4, 2, 512), mx::bfloat16, {})) << "too wide for registers";
}

}  // namespace
}  // namespace hub::kernels
