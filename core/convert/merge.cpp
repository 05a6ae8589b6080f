// Port of mlx_lm/fuse.py, one matrix at a time.
#include "core/convert/merge.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/convert/matrix.h"
#include "core/model_config/tensor_check.h"
#include "core/tensor/ops.h"

namespace hub::convert {
namespace {

namespace fs = std::filesystem;
using model_config::TensorInfo;

double dot(const mx::array& left, const mx::array& right) {
  return static_cast<double>(mx::sum(mx::multiply(left, right)).item<float>());
}

// Sums over all adapted matrices.
class DeltaMeter {
 public:
  void add(const mx::array& before, const mx::array& delta, const mx::array& after) {
    const mx::array wanted = tensor::astype(delta, mx::float32);
    const mx::array weight = tensor::astype(before, mx::float32);
    const mx::array got = mx::subtract(tensor::astype(after, mx::float32), weight);
    const mx::array off = mx::subtract(got, wanted);
    wanted_got_ += dot(wanted, got);
    wanted_ += dot(wanted, wanted);
    off_ += dot(off, off);
    weight_ += dot(weight, weight);
  }

  [[nodiscard]] DeltaLoss loss() const {
    if (wanted_ == 0.0) {
      return {};
    }
    return {
        .kept = wanted_got_ / wanted_,
        .error = std::sqrt(off_ / wanted_),
        .share = weight_ > 0.0 ? std::sqrt(wanted_ / weight_) : 0.0};
  }

 private:
  double wanted_got_ = 0.0;
  double wanted_ = 0.0;
  double off_ = 0.0;
  double weight_ = 0.0;
};

// (scale * B^T) @ A^T [out, in] in `dtype`, as mlx-lm computes it.
mx::array delta_of(
    const nn::LoraAdapter& adapter, const nn::LoraWeights& factors, mx::Dtype dtype) {
  const mx::array b = mx::multiply(mx::array(adapter.scale), mx::transpose(factors.b));
  return tensor::astype(mx::matmul(b, mx::transpose(factors.a)), dtype);
}

class Merge {
 public:
  Merge(const fs::path& base_folder, const nn::LoraAdapter& adapter, bool dequantize)
      : config_(model_config::ModelConfig::load(base_folder)),
        weights_(base_folder),
        adapter_(adapter),
        dequantize_(dequantize) {
    for (const TensorInfo* tensor : weights_.tensors()) {
      plan(*tensor);
    }
    for (const auto& [path, factors] : adapter.layers) {
      if (weights_.find(path + ".weight") == nullptr) {
        throw base::Error(
            base::ErrorCode::kUnprocessable,
            fmt::format("the adapter changes {}, which the base has not", path),
            "adapter",
            "adapter_does_not_fit");
      }
    }
  }

  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
  [[nodiscard]] std::uint64_t parameters() const { return parameters_; }
  [[nodiscard]] std::uint64_t changed() const { return changed_; }
  [[nodiscard]] DeltaLoss loss() const { return meter_.loss(); }

 private:
  void plan(const TensorInfo& tensor) {
    const auto matrix = matrix_of(weights_, config_, tensor);
    if (!matrix) {
      if (!is_part(tensor.name)) {
        copy(tensor);
        parameters_ += elements(tensor);
      }
      return;
    }
    parameters_ += matrix->parameters();
    const auto factors = adapter_.layers.find(matrix->path);
    const bool adapted = factors != adapter_.layers.end();
    changed_ += adapted ? 1U : 0U;
    if (!adapted && !(dequantize_ && matrix->packing)) {
      for (const std::string& name : matrix->tensors()) {
        copy(*weights_.find(name));
      }
      return;
    }
    const bool pack_again = matrix->packing && !dequantize_;
    steps_.push_back(
        {.outputs =
             pack_again
                 ? packed_outputs(*matrix, *matrix->packing, matrix->dtype)
                 : std::vector{planned(
                       matrix->path + ".weight", {matrix->rows, matrix->columns}, matrix->dtype)},
         .make = [this, matrix = *matrix, pack_again] { return make(matrix, pack_again); }});
  }

  std::vector<mx::array> make(const Matrix& matrix, bool pack_again) {
    const mx::array before = read_values(weights_, matrix);
    mx::array values = before;
    const auto factors = adapter_.layers.find(matrix.path);
    std::optional<mx::array> delta;
    if (factors != adapter_.layers.end()) {
      delta = delta_of(adapter_, factors->second, matrix.dtype);
      values = mx::add(before, *delta);
    }
    std::vector<mx::array> parts;
    if (pack_again) {
      parts = pack(values, *matrix.packing);
    } else {
      parts.push_back(mx::contiguous(values));
      mx::eval(parts);
    }
    if (delta) {
      meter_.add(before, *delta, pack_again ? unpack(parts, *matrix.packing) : values);
    }
    return parts;
  }

  void copy(const TensorInfo& tensor) {
    steps_.push_back(
        {.outputs = {planned(tensor.name, tensor.shape, tensor.dtype, tensor.bytes())},
         .make = [this, name = tensor.name] { return std::vector{weights_.take(name)}; }});
  }

  // Scales and biases go with their matrix.
  [[nodiscard]] bool is_part(const std::string& name) const {
    for (const char* part : {".scales", ".biases"}) {
      if (name.ends_with(part)) {
        const std::string path = name.substr(0, name.size() - std::string_view(part).size());
        return weights_.find(path + ".weight") != nullptr;
      }
    }
    return false;
  }

  static std::uint64_t elements(const TensorInfo& tensor) {
    std::uint64_t count = 1;
    for (const std::int64_t dimension : tensor.shape) {
      count *= static_cast<std::uint64_t>(dimension);
    }
    return count;
  }

  const model_config::ModelConfig config_;
  WeightFolder weights_;
  const nn::LoraAdapter& adapter_;
  const bool dequantize_;
  std::vector<Step> steps_;
  DeltaMeter meter_;
  std::uint64_t parameters_ = 0;
  std::uint64_t changed_ = 0;
};

base::Json stated_quantization(const fs::path& folder) {
  const base::Json config =
      base::parse_json(base::read_file(folder / "config.json"), "config.json");
  for (const char* key : {"quantization", "quantization_config"}) {
    if (config.contains(key)) {
      return config.at(key);
    }
  }
  return nullptr;
}

}  // namespace

nn::LoraAdapter read_adapter(const fs::path& folder, const fs::path& base_folder) {
  const auto config = model_config::AdapterConfig::load(folder);
  const auto file = folder / "adapters.safetensors";
  const auto header = model_config::SafetensorsHeader::read(file);
  const auto problems =
      model_config::adapter_problems(config, header, model_config::ModelConfig::load(base_folder));
  if (!problems.empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "{}: the adapter does not fit its base: {}",
            folder.string(),
            fmt::join(problems, "; ")),
        "adapter",
        "adapter_does_not_fit");
  }
  nn::LoraAdapter adapter;
  adapter.scale = static_cast<float>(config.scale);
  auto tensors = tensor::load_safetensors(file);
  std::vector<mx::array> arrays;
  constexpr std::string_view kFirst = ".lora_a";
  for (const TensorInfo& info : header.tensors) {
    if (info.name.ends_with(kFirst)) {
      const std::string path = info.name.substr(0, info.name.size() - kFirst.size());
      const nn::LoraWeights factors{
          tensor::astype(tensors.at(path + ".lora_a"), mx::float32),
          tensor::astype(tensors.at(path + ".lora_b"), mx::float32)};
      arrays.insert(arrays.end(), {factors.a, factors.b});
      adapter.layers.insert({path, factors});
    }
  }
  mx::eval(arrays);
  return adapter;
}

MergeReport merge(
    const fs::path& base_folder,
    const nn::LoraAdapter& adapter,
    const fs::path& folder,
    const MergeOptions& options,
    const KeepGoing& keep_going) {
  Merge work(base_folder, adapter, options.dequantize);
  write_weights(folder, work.steps(), work.parameters(), options.shard_bytes, keep_going);
  write_documents(
      base_folder,
      folder,
      options.dequantize ? base::Json(nullptr) : stated_quantization(base_folder));
  MergeReport report;
  report.matrices = work.changed();
  report.delta = work.loss();
  for (const Step& step : work.steps()) {
    for (const auto& output : step.outputs) {
      report.size_bytes += output.bytes;
    }
  }
  return report;
}

}  // namespace hub::convert
