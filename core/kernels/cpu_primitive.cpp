#include "core/kernels/cpu_primitive.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/allocator.h>
#include <mlx/ops.h>
#include <mlx/stream.h>

#include "core/base/error.h"
#include "core/tensor/ops.h"

namespace hub::kernels {

void CpuPrimitive::eval_cpu(const std::vector<mx::array>& inputs, mx::array& out) {
  out.set_data(mx::allocator::malloc(out.nbytes()));
  std::vector<mx::array> weak;
  weak.reserve(inputs.size());
  for (const auto& input : inputs) {
    weak.push_back(mx::array::unsafe_weak_copy(input));
  }
  mx::cpu::get_command_encoder(stream()).dispatch(
      [run = task(), in = std::move(weak), result = mx::array::unsafe_weak_copy(out)]() mutable {
        run(in, result);
      });
}

void CpuPrimitive::eval_gpu(const std::vector<mx::array>& /*inputs*/, mx::array& /*out*/) {
  throw base::Error(
      base::ErrorCode::kInternal, fmt::format("{} has no GPU implementation", name()));
}

bool runs_on_cpu() {
  return !tensor::default_device_is_gpu();
}

mx::Stream cpu_stream() {
  return mx::default_stream(mx::Device::cpu);
}

mx::array row_contiguous(const mx::array& x) {
  return mx::contiguous(x, false, cpu_stream());
}

std::string describe(const mx::array& x) {
  std::string type = "another type";
  if (x.dtype() == mx::float32) {
    type = "float32";
  } else if (x.dtype() == mx::float16) {
    type = "float16";
  } else if (x.dtype() == mx::bfloat16) {
    type = "bfloat16";
  } else if (x.dtype() == mx::uint32) {
    type = "uint32";
  } else if (x.dtype() == mx::int32) {
    type = "int32";
  }
  return fmt::format("[{}] {}", fmt::join(x.shape().begin(), x.shape().end(), ", "), type);
}

void require(const mx::array& x, mx::Dtype dtype, std::size_t dimensions, std::string_view what) {
  if (x.dtype() != dtype || x.ndim() != dimensions) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "{}: wanted {} dimensions of {}, got {}",
            what,
            dimensions,
            dtype == mx::uint32 ? "uint32" : "float32",
            describe(x)));
  }
}

namespace {

struct FreeDeleter {
  void operator()(float* p) const { std::free(p); }
};

struct Scratch {
  std::unique_ptr<float, FreeDeleter> data;
  std::size_t size = 0;
};

}  // namespace

float* thread_scratch(std::size_t count, int slot) {
  constexpr std::size_t kAlignment = 64;
  static thread_local std::array<Scratch, 2> scratches;
  Scratch& scratch = scratches.at(static_cast<std::size_t>(slot));
  if (scratch.size < count) {
    const std::size_t bytes = (count * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
    scratch.data.reset();  // never both at once
    scratch.size = 0;
    scratch.data.reset(static_cast<float*>(std::aligned_alloc(kAlignment, bytes)));
    if (scratch.data == nullptr) {
      throw base::Error(
          base::ErrorCode::kInsufficientMemory,
          fmt::format("no memory for {} bytes of scratch space", bytes));
    }
    scratch.size = count;
  }
  return scratch.data.get();
}

}  // namespace hub::kernels
