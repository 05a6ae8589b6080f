#include "core/kernels/cuda/memory.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include <mlx/ops.h>
#include <mlx/primitives.h>

#include "core/kernels/cuda/mlx_encoder.h"

namespace hub::kernels::cuda {

namespace {

// MLX's own primitives, evaluated on arrays of ours.
struct Primitives {
  std::shared_ptr<mx::Primitive> astype;
  std::shared_ptr<mx::Primitive> contiguous;
};

std::optional<Primitives>& primitives() {
  static std::optional<Primitives> made;
  return made;
}

}  // namespace

void prepare_memory(const CudaPluginHost& host) {
  const mx::array x({0.0F, 1.0F});
  primitives() = {host.astype(x, mx::bfloat16).primitive_ptr(), mx::contiguous(x).primitive_ptr()};
}

// MLX does not export cu::malloc_async. Its AsType of a contiguous array allocates as many elements
// as the input's memory holds, and then copies as many as the output has: here none.
void allocate(mx::array& out) {
  mx::array as_large({0}, mx::uint16, nullptr, {});  // of another size than bytes: not donated
  as_large.set_data(
      mx::allocator::Data(mx::allocator::Buffer(nullptr), {}),
      out.nbytes(),
      {1},
      {true, true, true});
  std::vector<mx::array> made{mx::array({0}, mx::uint8, out.primitive_ptr(), {})};
  primitives()->astype->eval_gpu({as_large}, made);
  const bool is_line = out.size() == static_cast<std::size_t>(std::ranges::max(out.shape()));
  out.copy_shared_buffer(made[0], out.strides(), {true, true, is_line}, out.size());
}

bool allocates(mx::array& out) {
  allocate(out);
  const auto* buffer = static_cast<const mx::cu::CudaBuffer*>(out.buffer().ptr());
  return buffer != nullptr && buffer->data != nullptr && buffer->size >= out.nbytes();
}

mx::array laid_out(const mx::array& x, const mx::array& out, std::size_t alignment) {
  const auto address = reinterpret_cast<std::uintptr_t>(device_pointer(x));
  if (x.flags().row_contiguous && address % alignment == 0) {
    return x;
  }
  std::vector<mx::array> copy{mx::array(x.shape(), x.dtype(), out.primitive_ptr(), {})};
  primitives()->contiguous->eval_gpu({x}, copy);
  mx::cu::get_command_encoder(out.primitive().stream()).add_completed_handler([kept = copy[0]] {});
  return copy[0];
}

void* device_pointer(const mx::array& x) {
  auto* buffer = static_cast<mx::cu::CudaBuffer*>(x.buffer().ptr());
  return static_cast<char*>(buffer->data) + x.offset();
}

}  // namespace hub::kernels::cuda
