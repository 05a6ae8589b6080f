#include "core/train/buffer_watch.h"

#include <cstdint>
#include <unordered_set>
#include <variant>

#include <fmt/format.h>
#include <mlx/device.h>

#include "core/tensor/ops.h"

namespace hub::train {
namespace {

constexpr double kNear = 0.8;  // of the limit

}  // namespace

std::size_t arrays_of(const std::vector<mx::array>& outputs) {
  std::unordered_set<std::uintptr_t> seen;
  std::vector<mx::array> waiting;
  const auto meet = [&](const std::vector<mx::array>& arrays) {
    for (const mx::array& array : arrays) {
      if (seen.insert(array.id()).second) {
        waiting.push_back(array);
      }
    }
  };
  meet(outputs);
  while (!waiting.empty()) {
    const mx::array array = waiting.back();
    waiting.pop_back();
    meet(array.inputs());
    meet(array.siblings());
  }
  return seen.size();
}

std::optional<std::size_t> device_buffer_limit() {
  if (!tensor::default_device_is_gpu()) {
    return std::nullopt;
  }
  const auto& info = mx::device_info();
  const auto found = info.find("resource_limit");
  const auto* limit = found == info.end() ? nullptr : std::get_if<std::size_t>(&found->second);
  return limit == nullptr || *limit == 0 ? std::nullopt : std::optional(*limit);
}

std::optional<std::string> BufferWatch::before_evaluation(const std::vector<mx::array>& outputs) {
  if (!limit_) {
    return std::nullopt;
  }
  const std::size_t arrays = arrays_of(outputs);
  if (static_cast<double>(arrays) < kNear * static_cast<double>(*limit_)) {
    return std::nullopt;
  }
  tensor::clear_cache();
  if (told_) {
    return std::nullopt;
  }
  told_ = true;
  return fmt::format(
      "a step needs up to {} buffers and the device allows {}: those that are free are given back "
      "before every step; if it fails, grad_checkpoint or a smaller num_layers or "
      "max_seq_length needs fewer",
      arrays,
      *limit_);
}

}  // namespace hub::train
