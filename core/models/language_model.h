#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mlx/array.h>

#include "core/base/json.h"
#include "core/model_config/model_config.h"
#include "core/models/layer_attention.h"
#include "core/nn/embedding.h"
#include "core/nn/gated_delta.h"
#include "core/nn/linear.h"
#include "core/nn/switch_linear.h"

namespace hub::models {

namespace mx = mlx::core;

// Attention of one layer: queries [rows, heads * head_dim], keys and values [rows, kv_heads *
// head_dim], all before the rotary embedding -> [rows, heads * head_dim]. `sinks` [heads]: a score
// more for each head, without a value. Layers that mix rows by a recurrence instead call recur().
// The caller decides what the rows are: one training batch or many requests (attend.h).
class Attend {
 public:
  using Sinks = std::optional<mx::array>;
  using Recurrence = std::function<mx::array(int layer, const nn::DeltaRows& rows)>;
  using Function = std::function<mx::array(
      int layer, const mx::array& q, const mx::array& k, const mx::array& v, const Sinks& sinks)>;

  Attend(Function function, Recurrence recurrence)
      : function_(std::move(function)), recurrence_(std::move(recurrence)) {}

  mx::array operator()(
      int layer,
      const mx::array& q,
      const mx::array& k,
      const mx::array& v,
      const Sinks& sinks = std::nullopt) const {
    return function_(layer, q, k, v, sinks);
  }

  // The gated delta rule of one layer (nn/gated_delta.h) -> [rows, value heads * value_dim].
  [[nodiscard]] mx::array recur(int layer, const nn::DeltaRows& rows) const {
    return recurrence_(layer, rows);
  }

 private:
  Function function_;
  Recurrence recurrence_;
};

class MtpHead;  // models/mtp_head.h

struct LoadOptions {
  // The head that predicts further tokens, where the folder has one, which counts in
  // weight_bytes(). Else its tensors are not looked at, as in mlx-lm.
  bool mtp_head = false;
  // What linears multiply in: 32: float32 or the device's half type. 8, on CPUs alone: those packed
  // in 4 or 8 bits round their input (kernels/int8_matmul.h), and a packed table that is the output
  // head, too, lies in memory twice. Such a model has no gradients.
  int activation_bits = 32;
};

// A decoder. All functions only build graphs and belong to the one thread that owns MLX.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  [[nodiscard]] virtual const model_config::ModelConfig& config() const = 0;

  // tokens [rows] int32 -> [rows, hidden_size], after the final norm.
  [[nodiscard]] virtual mx::array hidden(
      const mx::array& tokens, const Attend& attend, nn::AdapterSpans adapters) const = 0;

  // [rows, hidden_size] -> [rows, vocab_size] float32. Take only the rows that are needed before
  // calling.
  [[nodiscard]] virtual mx::array logits(
      const mx::array& hidden, nn::AdapterSpans adapters) const = 0;

  // Every linear of the transformer layers, in layer order: what LoRA may target. Valid as long as
  // the model lives.
  [[nodiscard]] virtual std::vector<const nn::Linear*> linears() const = 0;
  // The same of the linears with a weight for each expert.
  [[nodiscard]] virtual std::vector<const nn::SwitchLinear*> switch_linears() const { return {}; }

  // The embedding table and, where it has weights of its own, the output head: what an adapter may
  // name outside the layers. nullptr: there is none, or the family does not let it be adapted.
  [[nodiscard]] virtual const nn::Embedding* embedding() const { return nullptr; }
  [[nodiscard]] virtual const nn::Linear* output_head() const { return nullptr; }

  // The head that predicts further tokens; nullptr: there is none, or LoadOptions::mtp_head did not
  // ask for it.
  [[nodiscard]] virtual const MtpHead* mtp_head() const { return nullptr; }

  // Bytes of all weights as they lie in memory.
  [[nodiscard]] virtual std::uint64_t weight_bytes() const = 0;

  // Of every layer, in order. The first call makes and evaluates it.
  [[nodiscard]] const std::vector<LayerAttention>& attention() const;

 private:
  mutable std::vector<LayerAttention> attention_;
};

// Loads config.json and model*.safetensors of `folder` and evaluates the weights. On CPU every
// float becomes float32. Throws kUnprocessable naming missing, unused and misshaped tensors (all of
// them), an unknown architecture, or a corrupt file, and what Weights::set_activation_bits() does.
std::unique_ptr<LanguageModel> load_model(
    const std::filesystem::path& folder, LoadOptions options = {});

// Loads adapters.safetensors + adapter_config.json as mlx-lm writes them, evaluated, in float32,
// without dropout. Throws kUnprocessable naming every tensor that is missing, unknown or misshaped:
// where mlx-lm skips a missing half in silence, this refuses. A folder of whole weights (full
// fine-tuning) is refused, too: models/model_tensors.h loads it.
nn::LoraAdapter load_adapter(const std::filesystem::path& folder, const LanguageModel& model);

// Writes them, each file atomically, into a folder that is there. fine_tune_type, num_layers and
// lora_parameters follow from the adapter: modules that not all of the last layers have are named
// by their whole paths. `extra` (an object: "model", lineage) goes beside them. Evaluates. Throws
// kInvalidArgument for an adapter whose ranks differ, that has no module of the model, or of which
// a part has magnitudes, and kUnavailable when the disk refuses.
void save_adapter(
    const std::filesystem::path& folder,
    const nn::LoraAdapter& adapter,
    const LanguageModel& model,
    const base::Json& extra);

}  // namespace hub::models
