// Port of mlx_lm/fuse.py and the fuse() of its layers, one matrix at a time.
#include "core/convert/merge.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/linalg.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/convert/matrix.h"
#include "core/model_config/adapter_config.h"
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
  // `weight` and `wanted` float32.
  void add(const mx::array& weight, const mx::array& wanted, const mx::array& after) {
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

// The only module whose factors lie the other way round: A picks rows.
bool is_table(const std::string& path) {
  return path.ends_with("embed_tokens");
}

// What the factors add to the weight [rows, columns], or to that of each expert, in `dtype`, as
// mlx-lm computes it.
mx::array delta_of(
    const std::string& path, const nn::LoraWeights& factors, float scale, mx::Dtype dtype) {
  const mx::array factor(scale);
  if (factors.a.ndim() == 3) {
    return tensor::astype(mx::matmul(mx::multiply(factor, factors.b), factors.a), dtype);
  }
  const mx::array product =
      is_table(path)
          ? mx::matmul(mx::multiply(factor, factors.a), factors.b)
          : mx::matmul(mx::multiply(factor, mx::transpose(factors.b)), mx::transpose(factors.a));
  return tensor::astype(product, dtype);
}

// Each row scaled to its magnitude (arXiv:2402.09353 eq. 5).
mx::array with_magnitudes(const mx::array& weight, const mx::array& m) {
  const mx::array norms = mx::linalg::norm(weight, 1);
  return mx::multiply(mx::expand_dims(mx::divide(m, norms), 1), weight);
}

std::string shown(const std::string& name, const mx::Shape& shape) {
  return fmt::format("{} [{}]", name, fmt::join(shape, ", "));
}

class Merge {
 public:
  Merge(const fs::path& base_folder, const Trained& trained, bool dequantize)
      : config_(model_config::ModelConfig::load(base_folder)),
        weights_(base_folder, config_),
        trained_(trained),
        dequantize_(dequantize) {
    for (const TensorInfo* tensor : weights_.tensors()) {
      plan(*tensor);
    }
    for (const auto& [path, factors] : trained.factors.layers) {
      if (!found_.contains(path)) {
        problems_.push_back(path + " is no matrix of the base");
      }
    }
    for (const auto& [name, tensor] : trained.whole) {
      if (!found_.contains(name)) {
        problems_.push_back(name + " is no tensor of the base");
      }
    }
    if (!problems_.empty()) {
      std::sort(problems_.begin(), problems_.end());
      throw base::Error(
          base::ErrorCode::kUnprocessable,
          fmt::format("the adapter does not fit its base: {}", fmt::join(problems_, "; ")),
          "adapter",
          "adapter_does_not_fit");
    }
  }

  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
  [[nodiscard]] std::uint64_t parameters() const { return parameters_; }
  [[nodiscard]] std::uint64_t changed() const { return found_.size(); }
  [[nodiscard]] DeltaLoss loss() const { return meter_.loss(); }

 private:
  void plan(const TensorInfo& tensor) {
    if (trained_.whole.contains(tensor.name)) {
      replace(tensor);
      return;
    }
    const auto matrix = matrix_of(weights_, config_, tensor);
    if (!matrix) {
      if (!is_part(tensor.name)) {
        copy(tensor);
        parameters_ += elements(tensor);
      }
      return;
    }
    parameters_ += matrix->parameters();
    const nn::LoraWeights* factors = factors_of(*matrix);
    if (factors == nullptr && !(dequantize_ && matrix->packing)) {
      for (const std::string& name : matrix->tensors()) {
        copy(*weights_.find(name));
      }
      return;
    }
    const bool pack_again = matrix->packing && !dequantize_;
    const mx::Dtype dtype = factors != nullptr && factors->dora ? mx::float32 : matrix->dtype;
    steps_.push_back(
        {.outputs = pack_again
                        ? packed_outputs(*matrix, *matrix->packing, dtype)
                        : std::vector{planned(
                              matrix->path + ".weight", matrix->shape(matrix->columns), dtype)},
         .make = [this, matrix = *matrix, factors, pack_again] {
           return make(matrix, factors, pack_again);
         }});
  }

  // Null when the matrix is not adapted, or not as it should be.
  const nn::LoraWeights* factors_of(const Matrix& matrix) {
    const auto found = trained_.factors.layers.find(matrix.path);
    if (found == trained_.factors.layers.end()) {
      return nullptr;
    }
    found_.insert(matrix.path);
    const nn::LoraWeights& factors = found->second;
    const auto in = static_cast<int>(is_table(matrix.path) ? matrix.rows : matrix.columns);
    const auto out = static_cast<int>(is_table(matrix.path) ? matrix.columns : matrix.rows);
    const int rank = factors.a.shape(1);
    const auto require = [this](const std::string& name, const mx::array& array, mx::Shape shape) {
      if (array.shape() != shape) {
        problems_.push_back(
            fmt::format("{}, wanted [{}]", shown(name, array.shape()), fmt::join(shape, ", ")));
      }
    };
    if (matrix.experts > 0) {
      const auto experts = static_cast<int>(matrix.experts);
      require(matrix.path + ".lora_a", factors.a, {experts, rank, in});
      require(matrix.path + ".lora_b", factors.b, {experts, out, rank});
    } else {
      require(matrix.path + ".lora_a", factors.a, {in, rank});
      require(matrix.path + ".lora_b", factors.b, {rank, out});
    }
    if (factors.dora && matrix.experts > 0) {
      problems_.push_back(matrix.path + " has experts, which take no magnitudes (dora)");
    } else if (factors.dora) {
      require(matrix.path + ".m", factors.dora->m, {static_cast<int>(matrix.rows)});
    }
    return &factors;
  }

  std::vector<mx::array> make(
      const Matrix& matrix, const nn::LoraWeights* factors, bool pack_again) {
    const mx::array before = read_values(weights_, matrix);
    mx::array values = before;
    if (factors != nullptr) {
      values =
          mx::add(before, delta_of(matrix.path, *factors, trained_.factors.scale, matrix.dtype));
      if (factors->dora) {
        values = with_magnitudes(values, factors->dora->m);
      }
    }
    std::vector<mx::array> parts;
    if (pack_again) {
      parts = pack(values, *matrix.packing);
    } else {
      parts.push_back(mx::contiguous(values));
      mx::eval(parts);
    }
    if (factors != nullptr) {
      measure(matrix, *factors, before, pack_again ? unpack(parts, *matrix.packing) : values);
    }
    return parts;
  }

  // The change as the adapter computes it, in float32 beside the base, and as it came out.
  void measure(
      const Matrix& matrix,
      const nn::LoraWeights& factors,
      const mx::array& before,
      const mx::array& after) {
    const mx::array weight = tensor::astype(before, mx::float32);
    mx::array wanted = delta_of(matrix.path, factors, trained_.factors.scale, mx::float32);
    if (factors.dora) {
      wanted = mx::subtract(with_magnitudes(mx::add(weight, wanted), factors.dora->m), weight);
    }
    meter_.add(weight, wanted, after);
  }

  void replace(const TensorInfo& tensor) {
    found_.insert(tensor.name);
    const mx::array& array = trained_.whole.at(tensor.name);
    if (!std::equal(
            array.shape().begin(), array.shape().end(), tensor.shape.begin(), tensor.shape.end())) {
      problems_.push_back(
          fmt::format(
              "{}, the base's is {}", shown(tensor.name, array.shape()), tensor.describe()));
    }
    parameters_ += elements(tensor);
    steps_.push_back(
        {.outputs = {planned(tensor.name, tensor.shape, array.dtype())}, .make = [array] {
           mx::array whole = mx::contiguous(array);
           whole.eval();
           return std::vector{whole};
         }});
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
  const Trained& trained_;
  const bool dequantize_;
  std::vector<Step> steps_;
  DeltaMeter meter_;
  std::set<std::string> found_;  // module paths and tensor names that were trained
  std::vector<std::string> problems_;
  std::uint64_t parameters_ = 0;
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

Trained read_trained(const fs::path& folder) {
  const auto config = model_config::AdapterConfig::load(folder);
  const auto file = folder / "adapters.safetensors";
  const auto header = model_config::SafetensorsHeader::read(file);
  auto tensors = tensor::load_safetensors(file);
  Trained trained;
  trained.factors.scale = static_cast<float>(config.scale);
  std::vector<std::string> strange;
  const auto take = [&tensors](const std::string& name) {
    mx::array array = tensor::astype(tensors.at(name), mx::float32);
    array.eval();
    return array;
  };
  for (const TensorInfo& info : header.tensors) {
    if (config.fine_tune_type == "full") {
      mx::array array = mx::contiguous(tensors.at(info.name));
      array.eval();
      trained.whole.insert({info.name, std::move(array)});
      continue;
    }
    const std::size_t dot = info.name.rfind('.');
    const std::string path = info.name.substr(0, dot);
    const bool has_both = tensors.contains(path + ".lora_a") && tensors.contains(path + ".lora_b");
    const bool is_part = info.name == path + ".lora_a" || info.name == path + ".lora_b" ||
                         (info.name == path + ".m" && config.fine_tune_type == "dora");
    if (dot == std::string::npos || !has_both || !is_part || info.shape.size() > 3) {
      strange.push_back(info.name);
    } else if (info.name.ends_with(".lora_a")) {
      nn::LoraWeights factors{take(path + ".lora_a"), take(path + ".lora_b")};
      if (tensors.contains(path + ".m")) {
        const mx::array m = take(path + ".m");
        factors.dora = nn::Magnitudes{m, mx::ones_like(m)};
      }
      trained.factors.layers.insert({path, std::move(factors)});
    }
  }
  if (!strange.empty() || header.tensors.empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "{}: {}",
            file.string(),
            strange.empty() ? std::string("it is empty")
                            : fmt::format(
                                  "no factors of a module, or without their other half: {}",
                                  fmt::join(strange, ", "))),
        "adapter",
        "adapter_does_not_fit");
  }
  return trained;
}

MergeReport merge(
    const fs::path& base_folder,
    const Trained& trained,
    const fs::path& folder,
    const MergeOptions& options,
    const KeepGoing& keep_going) {
  Merge work(base_folder, trained, options.dequantize);
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
