#pragma once

#include <optional>
#include <string>
#include <variant>

#include <mlx/array.h>

#include "core/nn/lora.h"
#include "core/tensor/gather.h"

namespace hub::nn {

// Many linears of one shape, the experts, of which each row uses those that a router chose. An
// adapter has factors for each of them (mlx_lm/tuner/lora.py › LoRASwitchLinear): a [experts, rank,
// in], b [experts, out, rank].
class SwitchLinear {
 public:
  using Weight = std::variant<mx::array, tensor::PackedMatrices>;  // the array: [experts, out, in]

  SwitchLinear(std::string path, Weight weight, std::optional<mx::array> bias);

  // x [rows, m, in], experts [rows, k]: row r's j-th output is that of expert experts[r, j], on
  // x[r, j] or, when m = 1, on x[r, 0] -> [rows, k, out]. An output row depends on neither the rows
  // beside it nor their number (CPU). `sorted`: m = k = 1, and the experts ascend.
  mx::array operator()(
      const mx::array& x,
      const mx::array& experts,
      AdapterSpans adapters,
      bool sorted = false) const;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int experts() const;
  [[nodiscard]] int in_features() const;
  [[nodiscard]] int out_features() const;

 private:
  std::string path_;  // "model.layers.0.mlp.switch_mlp.up_proj"
  Weight weight_;
  std::optional<mx::array> bias_;  // [experts, out]
};

}  // namespace hub::nn
