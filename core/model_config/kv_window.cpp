#include "core/model_config/kv_window.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::model_config {

using base::Error;
using base::ErrorCode;

namespace {

// Rows go in whole tiles of the attention kernel (kernels/row_window.h), and not with every token.
constexpr int kTile = 64;
constexpr int kRowsBetweenDrops = 256;

}  // namespace

void check_kv_window(int window, int sinks) {
  if (sinks < 0 || sinks > kMostKvSinks) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("kv_sinks: 0 to {} were wanted, got {}", kMostKvSinks, sinks),
        "kv_sinks");
  }
  if (window < 0 || (window > 0 && window <= sinks)) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("kv_window: 0, or more than the {} sinks, was wanted, got {}", sinks, window),
        "kv_window");
  }
}

int most_kv_rows(int window, int step_rows) {
  return window == 0 ? 0 : window + kTile + std::max(step_rows, kRowsBetweenDrops);
}

}  // namespace hub::model_config
