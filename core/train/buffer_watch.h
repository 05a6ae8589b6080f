#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <mlx/array.h>

namespace hub::train {

namespace mx = mlx::core;

// Arrays that `outputs` need, those that are there already included: evaluation never has more
// buffers than that. Evaluates nothing; time grows with the graph.
std::size_t arrays_of(const std::vector<mx::array>& outputs);

// Buffers that the default device gives a process, whatever their sizes (Metal's resource limit);
// nullopt on a CPU and with CUDA, which have none.
std::optional<std::size_t> device_buffer_limit();

// Metal refuses a buffer when a process has too many, however much memory is free (mlx-lm's issue
// 1185). MLX does not tell how many it has, so a step's graph is counted before it is evaluated.
// Without a limit nothing is counted. Belongs to the thread that owns MLX.
class BufferWatch {
 public:
  explicit BufferWatch(std::optional<std::size_t> limit) : limit_(limit) {}

  // Where the graph could come near the limit, freed buffers that MLX keeps are given back, at
  // every call. Returns what to tell the user, once.
  std::optional<std::string> before_evaluation(const std::vector<mx::array>& outputs);

 private:
  std::optional<std::size_t> limit_;
  bool told_ = false;
};

}  // namespace hub::train
