#include "core/tensor/ops.h"

#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "tests/support/temp_dir.h"

namespace hub::tensor {
namespace {

class SafetensorsFile : public ::testing::Test {
 protected:
  test::TempDir temporary_;
  std::filesystem::path folder_ = temporary_.path();
};

TEST_F(SafetensorsFile, ComesBackAsWritten) {
  const auto file = folder_ / "a.safetensors";
  const mx::array matrix = mx::transpose(mx::reshape(mx::arange(6, mx::float32), {2, 3}));
  save_safetensors(
      file,
      {{"b", matrix},
       {"a", mx::array({1, 2, 3}, mx::int32)},
       {"half", tensor::astype(matrix, mx::float16)},
       {"packed", mx::array({7U, 9U}, mx::uint32)}},
      {{"format", "mlx"}});
  const auto loaded = load_safetensors(file);
  ASSERT_EQ(loaded.size(), 4U);
  EXPECT_TRUE(mx::array_equal(loaded.at("b"), matrix).item<bool>());
  EXPECT_EQ(loaded.at("b").shape(), (mx::Shape{3, 2}));
  EXPECT_EQ(loaded.at("half").dtype(), mx::float16);
  EXPECT_EQ(loaded.at("packed").dtype(), mx::uint32);
  EXPECT_TRUE(mx::array_equal(loaded.at("a"), mx::array({1, 2, 3}, mx::int32)).item<bool>());
}

TEST_F(SafetensorsFile, EqualTensorsGiveEqualBytes) {
  std::unordered_map<std::string, mx::array> forward;
  std::unordered_map<std::string, mx::array> backward;
  for (int i = 0; i < 20; ++i) {
    forward.insert({fmt::format("t{}", i), mx::full({3}, static_cast<float>(i))});
    backward.insert({fmt::format("t{}", 19 - i), mx::full({3}, static_cast<float>(19 - i))});
  }
  save_safetensors(folder_ / "f.safetensors", forward);
  save_safetensors(folder_ / "b.safetensors", backward);
  EXPECT_EQ(
      base::sha256_file(folder_ / "f.safetensors"), base::sha256_file(folder_ / "b.safetensors"));
}

TEST_F(SafetensorsFile, ReplacesAndLeavesNoTemporaryFile) {
  const auto file = folder_ / "a.safetensors";
  save_safetensors(file, {{"x", mx::zeros({2})}});
  save_safetensors(file, {{"x", mx::ones({2})}});
  EXPECT_TRUE(mx::array_equal(load_safetensors(file).at("x"), mx::ones({2})).item<bool>());
  const std::filesystem::directory_iterator entries(folder_);
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST_F(SafetensorsFile, SavingIntoAFolderThatIsNotThereIsRefused) {
  try {
    save_safetensors(folder_ / "none" / "a.safetensors", {{"x", mx::zeros({2})}});
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnavailable);
  }
}

TEST_F(SafetensorsFile, LoadingWhatIsNoneIsRefused) {
  base::write_file_atomically(folder_ / "a.safetensors", "no safetensors at all");
  try {
    load_safetensors(folder_ / "a.safetensors");
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
  }
}

TEST(Ops, ComputeTypeOnCpuIsFloat32) {
  if (default_device_is_gpu()) {
    EXPECT_EQ(compute_dtype(mx::bfloat16), mx::bfloat16);
    EXPECT_NE(device_name(), "cpu");
  } else {
    EXPECT_EQ(compute_dtype(mx::bfloat16), mx::float32);
    EXPECT_EQ(device_name(), "cpu");
  }
  EXPECT_EQ(compute_dtype(mx::uint32), mx::uint32);
}

TEST(Ops, QuantizedMatmulIsDequantizeThenMatmul) {
  const mx::array matrix = mx::random::normal({16, 64}, mx::float32, 0, 1, mx::random::key(1));
  const mx::array x = mx::random::normal({3, 64}, mx::float32, 0, 1, mx::random::key(2));
  for (const int bits : {4, 8}) {
    const Quantized q = quantize(matrix, 32, bits);
    const mx::array dense = dequantize(q.weight, q.scales, q.biases, 32, bits);
    const mx::array y = quantized_matmul(x, q.weight, q.scales, q.biases, true, 32, bits);
    EXPECT_TRUE(mx::allclose(y, mx::matmul(x, mx::transpose(dense)), 1e-4, 1e-4).item<bool>());
    EXPECT_LT(mx::max(mx::abs(dense - matrix)).item<float>(), bits == 4 ? 0.3F : 0.02F);
  }
}

TEST(Ops, CausalAttentionSeesNoLaterKey) {
  const mx::array q = mx::random::normal({1, 4, 3, 8}, mx::float32, 0, 1, mx::random::key(1));
  const mx::array k = mx::random::normal({1, 2, 3, 8}, mx::float32, 0, 1, mx::random::key(2));
  const mx::array v = mx::random::normal({1, 2, 3, 8}, mx::float32, 0, 1, mx::random::key(3));
  const mx::array whole = sdpa(q, k, v, 0.3F, true);
  const auto first = [](const mx::array& x, int rows) {
    return mx::slice(x, {0, 0, 0, 0}, {1, x.shape(1), rows, 8});
  };
  const mx::array cut = sdpa(first(q, 2), first(k, 2), first(v, 2), 0.3F, true);
  EXPECT_TRUE(mx::allclose(first(whole, 2), cut, 1e-5, 1e-6).item<bool>());
  const mx::array mask = mx::tri(3, 3, 0, mx::bool_);
  EXPECT_TRUE(mx::allclose(whole, sdpa(q, k, v, 0.3F, false, mask), 1e-5, 1e-6).item<bool>());
}

TEST(Ops, RopeTakesPeriodsInsteadOfABase) {
  const mx::array x = mx::random::normal({2, 1, 5, 8}, mx::float32, 0, 1, mx::random::key(1));
  RopeParams by_base{8, false, 100.0F, 1.0F, std::nullopt};
  RopeParams by_periods = by_base;
  by_periods.freqs =
      mx::power(mx::array(100.0F), mx::divide(mx::arange(0, 8, 2, mx::float32), mx::array(8.0F)));
  EXPECT_TRUE(mx::allclose(rope(x, by_base, 7), rope(x, by_periods, 7), 1e-4, 1e-5).item<bool>());
  const mx::array offsets({7, 7}, mx::int32);
  EXPECT_TRUE(
      mx::allclose(rope(x, by_base, 7), rope(x, by_base, offsets), 1e-4, 1e-5).item<bool>());
}

TEST(Ops, MemoryFollowsArrays) {
  const std::uint64_t before = memory().active;
  {
    mx::array big = mx::ones({1024, 1024});
    big.eval();
    EXPECT_GE(memory().active, before + (4U << 20U));
    reset_peak_memory();
  }
  EXPECT_LT(memory().active, before + (1U << 20U));
  const std::size_t limit = set_cache_limit(0);
  clear_cache();
  EXPECT_EQ(memory().cache, 0U);
  set_cache_limit(limit);
  EXPECT_FALSE(mlx_version().empty());
}

}  // namespace
}  // namespace hub::tensor
