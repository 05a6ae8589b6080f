#include "core/model_config/kv_bits.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::model_config {

using base::Error;
using base::ErrorCode;

namespace {

constexpr int kSmallestGroup = 32;
constexpr int kLargestGroup = 64;

}  // namespace

void check_kv_bits(const ModelConfig& config, int bits) {
  if (bits != 0 && bits != 4 && bits != 8) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("kv_bits: 0, 4 or 8 was wanted, got {}", bits),
        "kv_bits");
  }
  for (int layer = 0; bits > 0 && layer < config.num_hidden_layers; ++layer) {
    const int head_dim = config.head_dim_of(layer);
    if (!config.is_recurrent(layer) && head_dim % kSmallestGroup != 0) {
      throw Error(
          ErrorCode::kUnprocessable,
          fmt::format(
              "kv_bits: this model's keys and values cannot be kept in {} bits: its heads have {} "
              "elements, a multiple of {} was wanted",
              bits,
              head_dim,
              kSmallestGroup),
          "kv_bits");
    }
  }
}

int kv_group_size(int head_dim) {
  return head_dim % kLargestGroup == 0 ? kLargestGroup : kSmallestGroup;
}

std::uint64_t quantized_row_bytes(int head_dim, int bits) {
  const auto elements = static_cast<std::uint64_t>(head_dim);
  const auto groups = static_cast<std::uint64_t>(head_dim / kv_group_size(head_dim));
  return elements / 8 * static_cast<std::uint64_t>(bits) + 2 * sizeof(float) * groups;
}

}  // namespace hub::model_config
