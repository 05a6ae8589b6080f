#include "core/model_config/adapter_check.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/model_config/adapter_config.h"
#include "core/model_config/layer_shape.h"
#include "core/model_config/safetensors_header.h"
#include "core/model_config/tensor_check.h"

namespace hub::model_config {
namespace {

using Shape = std::vector<std::int64_t>;

// adapter_config.json as the trainer of this project writes it says which contents it was trained
// on; "" when it does not.
std::string stated_base(const std::filesystem::path& folder) {
  const base::Json json = base::parse_json(
      base::read_file(folder / "adapter_config.json", 16U << 20U), "adapter_config.json");
  const auto own = json.find("mlx_model_hub");
  if (own == json.end() || !own->is_object()) {
    return {};
  }
  const auto digest = own->find("base_digest");
  return digest != own->end() && digest->is_string() ? digest->get<std::string>() : std::string();
}

// Looks at the factors of every module that an adapter names.
class AdapterCheck {
 public:
  AdapterCheck(
      const AdapterConfig& adapter, const SafetensorsHeader& tensors, const ModelConfig& base)
      : adapter_(adapter), tensors_(tensors), base_(base) {}

  std::vector<std::string> run() {
    if (adapter_.num_layers > base_.num_hidden_layers) {
      problems_.push_back(
          fmt::format(
              "'num_layers' is {}, but the model has {}",
              adapter_.num_layers,
              base_.num_hidden_layers));
    }
    check_layers();
    if (const auto table = base_.path("model.embed_tokens"); names(table)) {
      check_module(table, base_.vocab_size, base_.hidden_size, base_.vocab_size);
    }
    if (const auto head = base_.path("lm_head"); names(head) && !base_.tie_word_embeddings) {
      check_module(head, base_.hidden_size, base_.vocab_size, base_.vocab_size);
    }
    if (known_.empty()) {
      problems_.emplace_back("adapter_config.json names no layer of this model");
    }
    for (const TensorInfo& tensor : tensors_.tensors) {
      if (!known_.contains(tensor.name)) {
        problems_.push_back(
            fmt::format("{} belongs to no layer that adapter_config.json names", tensor.name));
      }
    }
    return std::move(problems_);
  }

 private:
  [[nodiscard]] bool names(const std::string& name) const {
    return adapter_.keys &&
           std::find(adapter_.keys->begin(), adapter_.keys->end(), name) != adapter_.keys->end();
  }

  void check(const std::string& name, const Shape& shape) {
    known_.insert(name);
    const TensorInfo* tensor = tensors_.find(name);
    if (tensor == nullptr) {
      problems_.push_back(fmt::format("missing: {} [{}]", name, fmt::join(shape, ", ")));
    } else if (
        tensor->shape != shape ||
        (tensor->dtype != "F32" && tensor->dtype != "F16" && tensor->dtype != "BF16")) {
      problems_.push_back(
          fmt::format(
              "{} is {}, wanted [{}] of floats", name, tensor->describe(), fmt::join(shape, ", ")));
    }
  }

  // `rows` of the weight: DoRA's magnitudes.
  void check_module(const std::string& path, std::int64_t in, std::int64_t out, std::int64_t rows) {
    check(path + ".lora_a", {in, adapter_.rank});
    check(path + ".lora_b", {adapter_.rank, out});
    if (adapter_.fine_tune_type == "dora") {
      check(path + ".m", {rows});
    }
  }

  void check_experts(const std::string& path, const LinearShape& linear) {
    check(path + ".lora_a", {linear.experts, adapter_.rank, linear.in});
    check(path + ".lora_b", {linear.experts, linear.out, adapter_.rank});
    if (adapter_.fine_tune_type == "dora") {
      known_.insert(path + ".m");
      problems_.push_back(path + " has experts, which take no magnitudes (dora)");
    }
  }

  void check_layers() {
    const int layers = base_.num_hidden_layers;
    const int first = adapter_.num_layers > 0 ? std::max(layers - adapter_.num_layers, 0) : 0;
    for (int layer = 0; layer < layers; ++layer) {
      for (const LinearShape& linear : layer_shape(base_, layer).linears) {
        const std::string path = fmt::format("{}.{}", base_.layer_path(layer), linear.name);
        const bool by_name = layer >= first && (!adapter_.keys || names(linear.name));
        if (!by_name && !names(path)) {
          continue;
        }
        if (linear.experts > 0) {
          check_experts(path, linear);
        } else {
          check_module(path, linear.in, linear.out, linear.out);
        }
      }
    }
  }

  const AdapterConfig& adapter_;
  const SafetensorsHeader& tensors_;
  const ModelConfig& base_;
  std::set<std::string> known_;
  std::vector<std::string> problems_;
};

}  // namespace

void check_adapter_folder(
    const std::filesystem::path& folder, const ModelConfig& base, const std::string& base_digest) {
  const AdapterConfig config = AdapterConfig::load(folder);
  const std::string trained_on = stated_base(folder);
  if (!trained_on.empty() && trained_on != base_digest) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "{}: the adapter was trained on contents with digest {}, the base has {}",
            folder.string(),
            trained_on,
            base_digest),
        "base",
        "adapter_mismatch");
  }
  const auto tensors = SafetensorsHeader::read(folder / "adapters.safetensors");
  if (config.fine_tune_type == "full") {
    return;
  }
  const auto problems = AdapterCheck(config, tensors, base).run();
  if (!problems.empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("{}: the adapter does not fit its base: {}", folder.string(), listed(problems)),
        "base",
        "adapter_does_not_fit");
  }
}

}  // namespace hub::model_config
