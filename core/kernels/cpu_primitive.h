#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include <mlx/array.h>
#include <mlx/backend/cpu/encoder.h>
#include <mlx/primitives.h>

#include "core/kernels/cpu_level.h"

// What every CPU primitive outside libmlx needs. eval_cpu only allocates and dispatches: its inputs
// have no values yet. The dispatched task runs on the stream's thread.
namespace hub::kernels {

namespace mx = mlx::core;

// One operation on the CPU with one or more outputs. Subclasses fix the arithmetic at construction
// (`level`), so that an operation does not change between building and evaluating.
class CpuPrimitive : public mx::Primitive {
 public:
  CpuPrimitive(mx::Stream stream, CpuLevel level) : mx::Primitive(stream), level_(level) {}

  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override;
  void eval_gpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override;

 protected:
  // Computes the outputs from the inputs; all are row-contiguous and have memory. It holds what it
  // needs by value, since the primitive may be gone when it runs. Must not throw.
  using Arrays = std::vector<mx::array>;
  using Task = std::function<void(const Arrays& inputs, Arrays& outputs)>;
  [[nodiscard]] virtual Task task() const = 0;

  // Gives the output its memory; a subclass may hand on that of an input.
  virtual void allocate(const Arrays& inputs, Arrays& outputs);

  [[nodiscard]] CpuLevel level() const { return level_; }

 private:
  CpuLevel level_;
};

// The stream of the default device, if that is the CPU; the kernels are for it alone.
bool runs_on_cpu();
mx::Stream cpu_stream();

// Throws kInvalidArgument "<what>: wanted <dtype> with <dimensions> dimensions, got …" unless it
// fits.
void require(const mx::array& x, mx::Dtype dtype, std::size_t dimensions, std::string_view what);

// "[3, 576] float32"
std::string describe(const mx::array& x);

// `count` floats that live as long as the calling thread and are overwritten by the next call with
// the same slot on this thread; aligned to 64 bytes.
float* thread_scratch(std::size_t count, int slot = 0);

}  // namespace hub::kernels
