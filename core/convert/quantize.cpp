// Port of mlx_lm/utils.py › quantize_model and mlx_lm/convert.py, one matrix at a time.
#include "core/convert/quantize.h"

#include <utility>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/convert/matrix.h"
#include "core/model_config/layer_shape.h"
#include "core/tensor/ops.h"

namespace hub::convert {
namespace {

namespace fs = std::filesystem;
using base::Json;
using model_config::Quantization;
using model_config::TensorInfo;

bool is_float(const std::string& dtype) {
  return dtype == "F32" || dtype == "F16" || dtype == "BF16";
}

std::optional<mx::Dtype> dtype_named(const std::string& name) {
  if (name == "float32") {
    return mx::float32;
  }
  if (name == "float16") {
    return mx::float16;
  }
  return name == "bfloat16" ? std::optional(mx::bfloat16) : std::nullopt;
}

// What floats become: as asked, else config.json's torch_dtype, else what they are.
std::optional<mx::Dtype> target_dtype(
    const std::optional<std::string>& asked, const fs::path& folder) {
  if (asked) {
    return dtype_named(*asked);
  }
  const Json config = base::parse_json(base::read_file(folder / "config.json"), "config.json");
  const base::JsonReader reader(config);
  auto stated = reader.optional_string("torch_dtype");
  if (const Json* text = reader.optional_object("text_config"); text != nullptr && !stated) {
    stated = base::JsonReader(*text, "text_config").optional_string("dtype");
  }
  return stated ? dtype_named(*stated) : std::nullopt;
}

Json as_json(const Quantization& quantization) {
  return {
      {"group_size", quantization.group_size},
      {"bits", quantization.bits},
      {"mode", quantization.mode}};
}

std::uint64_t elements(const TensorInfo& tensor) {
  std::uint64_t count = 1;
  for (const std::int64_t dimension : tensor.shape) {
    count *= static_cast<std::uint64_t>(dimension);
  }
  return count;
}

// Routers get 8 bits where the job does not say otherwise, as by the quant_predicate of mlx-lm's
// models: they decide which experts compute.
model_config::QuantizeParams with_routers(
    model_config::QuantizeParams params, const model_config::ModelConfig& config) {
  const auto layers = static_cast<std::size_t>(config.num_hidden_layers);
  if (config.experts && config.experts->dense_layers.size() < layers) {
    const std::string name = config.model_type == "gpt_oss" ? "mlp.router"
                             : config.gemma4                ? "router.proj"
                                                            : "mlp.gate";
    params.overrides.try_emplace(name, Quantization{.group_size = 64, .bits = 8, .mode = "affine"});
  }
  return params;
}

// Experts that lie one by one cannot be packed: mlx-lm reads packed ones stacked only.
void refuse_unstacked(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (path.find(".experts.0.") != std::string::npos) {
      throw base::Error(
          base::ErrorCode::kUnprocessable,
          fmt::format(
              "{} is one expert by itself: convert the model with mlx_lm.convert first, which "
              "stacks them",
              path),
          {},
          "experts_not_stacked");
    }
  }
}

class Conversion {
 public:
  Conversion(const fs::path& source, const model_config::QuantizeParams& params)
      : config_(model_config::ModelConfig::load(source)),
        weights_(source, config_),
        dtype_(target_dtype(params.dtype, source)),
        plan_(with_routers(params, config_), matrix_paths(), config_.num_hidden_layers),
        quantization_(as_json(params.quantization)) {
    for (const TensorInfo* tensor : weights_.tensors()) {
      add(*tensor);
    }
    for (const Step& step : steps_) {
      for (const auto& output : step.outputs) {
        report_.size_bytes += output.bytes;
      }
    }
    report_.bits_per_weight =
        static_cast<double>(report_.size_bytes) * 8.0 / static_cast<double>(report_.parameters);
  }

  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
  [[nodiscard]] const QuantizeReport& report() const { return report_; }
  [[nodiscard]] const Json& quantization() const { return quantization_; }

 private:
  [[nodiscard]] std::vector<std::string> matrix_paths() const {
    std::vector<std::string> paths;
    for (const TensorInfo* tensor : weights_.tensors()) {
      if (is_left_out(*tensor)) {
        continue;
      }
      if (const auto matrix = matrix_of(weights_, config_, *tensor)) {
        paths.push_back(matrix->path);
      }
    }
    refuse_unstacked(paths);
    return paths;
  }

  // What nobody reads; a head that predicts further tokens (models/mtp_head.h) is the engine's,
  // though mlx-lm drops it, too.
  [[nodiscard]] bool is_left_out(const TensorInfo& tensor) const {
    const bool is_head = config_.mtp_layers == 1 && tensor.name.starts_with(config_.path("mtp."));
    return !is_head && model_config::is_dropped(config_, tensor.name);
  }

  void add(const TensorInfo& tensor) {
    if (is_left_out(tensor)) {
      return;
    }
    const auto matrix = matrix_of(weights_, config_, tensor);
    if (matrix) {
      add_matrix(*matrix);
      return;
    }
    const bool is_part = tensor.name.ends_with(".scales") || tensor.name.ends_with(".biases");
    if (!is_part) {
      report_.parameters += elements(tensor);
      const auto dtype = is_float(tensor.dtype) ? dtype_.value_or(dtype_from(tensor.dtype))
                                                : dtype_from(tensor.dtype);
      steps_.push_back(
          {.outputs = {planned(tensor.name, tensor.shape, dtype)},
           .make = [this, name = tensor.name, dtype] {
             std::vector<mx::array> cast{tensor::astype(weights_.take(name), dtype)};
             mx::eval(cast);
             return cast;
           }});
    }
  }

  void add_matrix(const Matrix& matrix) {
    report_.parameters += matrix.parameters();
    report_.requantized += matrix.packing ? 1U : 0U;
    const auto dtype = dtype_.value_or(matrix.dtype);
    const auto packing = plan_.of(matrix.path);
    const bool packs = packing && matrix.columns % packing->group_size == 0;
    if (packs) {
      ++report_.packed;
      if (plan_.is_named(matrix.path)) {
        quantization_[matrix.path] = as_json(*packing);
      }
    } else {
      report_.unpacked.push_back(matrix.path);
    }
    steps_.push_back(
        {.outputs = packs ? packed_outputs(matrix, *packing, dtype)
                          : std::vector{planned(
                                matrix.path + ".weight", matrix.shape(matrix.columns), dtype)},
         .make = [this, matrix, dtype, packing, packs] {
           const mx::array values = tensor::astype(read_values(weights_, matrix), dtype);
           if (packs) {
             return pack(values, *packing);
           }
           std::vector<mx::array> dense{values};
           mx::eval(dense);
           return dense;
         }});
  }

  const model_config::ModelConfig config_;
  WeightFolder weights_;
  const std::optional<mx::Dtype> dtype_;
  const model_config::QuantizationPlan plan_;
  Json quantization_;
  std::vector<Step> steps_;
  QuantizeReport report_;
};

}  // namespace

QuantizeReport quantize(
    const fs::path& source,
    const model_config::QuantizeParams& params,
    const fs::path& folder,
    std::uint64_t shard_bytes,
    const KeepGoing& keep_going) {
  Conversion work(source, params);
  write_weights(folder, work.steps(), work.report().parameters, shard_bytes, keep_going);
  write_documents(source, folder, work.quantization());
  return work.report();
}

}  // namespace hub::convert
