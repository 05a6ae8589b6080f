#if defined(__clang__)
// MLX's encoder uses std::bind, and libstdc++'s needs std::result_of.
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
#endif

#include "core/kernels/cpu_primitive.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/allocator.h>
#include <mlx/stream.h>

#include "core/base/error.h"
#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

// Copies element by element; rows of the last axis at a time.
void copy_strided(const mx::array& from, mx::array& to) {
  const std::size_t item = from.itemsize();
  const auto dimensions = static_cast<int>(from.ndim());
  const auto* source = from.data<char>();
  auto* target = to.data<char>();
  std::vector<int> index(from.ndim(), 0);
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::int64_t offset = 0;
    for (int d = 0; d < dimensions; ++d) {
      offset += index[static_cast<std::size_t>(d)] * from.strides(d);
    }
    std::memcpy(target + i * item, source + offset * static_cast<std::int64_t>(item), item);
    for (int d = dimensions - 1; d >= 0; --d) {
      if (++index[static_cast<std::size_t>(d)] < from.shape(d)) {
        break;
      }
      index[static_cast<std::size_t>(d)] = 0;
    }
  }
}

}  // namespace

void CpuPrimitive::allocate(const Arrays& /*inputs*/, Arrays& outputs) {
  for (auto& out : outputs) {
    out.set_data(mx::allocator::malloc(out.nbytes()));
  }
}

void CpuPrimitive::eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) {
  auto& encoder = mx::cpu::get_command_encoder(stream());
  Arrays in;
  in.reserve(inputs.size());
  for (const auto& input : inputs) {
    in.push_back(mx::array::unsafe_weak_copy(input));
    if (!input.flags().row_contiguous) {
      mx::array packed(input.shape(), input.dtype(), nullptr, {});
      packed.set_data(mx::allocator::malloc(packed.nbytes()));
      encoder.add_temporary(packed);
      auto target = mx::array::unsafe_weak_copy(packed);
      encoder.dispatch([from = in.back(), target]() mutable { copy_strided(from, target); });
      in.back() = std::move(target);
    }
  }
  allocate(inputs, outputs);
  Arrays out;
  out.reserve(outputs.size());
  for (const auto& output : outputs) {
    out.push_back(mx::array::unsafe_weak_copy(output));
  }
  encoder.dispatch(
      [run = task(), in = std::move(in), out = std::move(out)]() mutable { run(in, out); });
}

void CpuPrimitive::eval_gpu(const Arrays& /*inputs*/, Arrays& /*outputs*/) {
  throw base::Error(
      base::ErrorCode::kInternal, fmt::format("{} has no GPU implementation", name()));
}

bool runs_on_cpu() {
  return !tensor::default_device_is_gpu();
}

mx::Stream cpu_stream() {
  return mx::default_stream(mx::Device::cpu);
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

constexpr std::size_t kAlignment = 64;

struct FreeDeleter {
  void operator()(float* p) const { std::free(p); }
};

struct Scratch {
  std::unique_ptr<float, FreeDeleter> data;
  std::size_t size = 0;
};

}  // namespace

float* thread_scratch(std::size_t count, int slot) {
  static thread_local std::array<Scratch, 4> scratches;
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
