// Port of mlx_lm/tuner/utils.py › load_adapters, stricter: nothing is skipped in silence.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/model_config/adapter_config.h"
#include "core/model_config/safetensors_header.h"
#include "core/models/language_model.h"
#include "core/tensor/ops.h"

namespace hub::models {
namespace {

using model_config::AdapterConfig;
using model_config::SafetensorsHeader;
using model_config::TensorInfo;

constexpr std::string_view kLayers = "model.layers.";
constexpr const char* kTensorFile = "adapters.safetensors";
constexpr const char* kConfigFile = "adapter_config.json";

// "model.layers.3.self_attn.q_proj" -> 3 and "self_attn.q_proj". split() throws kInvalidArgument
// for other paths.
struct LayerPath {
  int layer = 0;
  std::string name;
};

LayerPath split(const std::string& path) {
  const std::size_t dot = path.find('.', kLayers.size());
  int layer = -1;
  if (path.starts_with(kLayers) && dot != std::string::npos) {
    std::from_chars(path.data() + kLayers.size(), path.data() + dot, layer);
  }
  if (layer < 0) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument, fmt::format("{} is no module of a layer", path));
  }
  return {layer, path.substr(dot + 1)};
}

// The linears that `config` says are adapted, by path.
std::map<std::string, AdapterSite> adapted_linears(
    const AdapterConfig& config, const LanguageModel& model) {
  const int layers = model.config().num_hidden_layers;
  if (config.num_layers > layers) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("'num_layers' is {}, but the model has {}", config.num_layers, layers));
  }
  const int first = config.num_layers > 0 ? layers - config.num_layers : 0;
  std::map<std::string, AdapterSite> result;
  for (const AdapterSite& site : adapter_sites(model)) {
    const LayerPath path = split(site.path);
    const bool named =
        !config.keys ||
        std::find(config.keys->begin(), config.keys->end(), path.name) != config.keys->end();
    if (path.layer >= first && named) {
      result.emplace(site.path, site);
    }
  }
  return result;
}

void check_tensor(
    const SafetensorsHeader& header,
    const std::string& name,
    const mx::Shape& shape,
    std::vector<std::string>& problems) {
  const TensorInfo* found = header.find(name);
  if (found == nullptr) {
    problems.push_back(fmt::format("missing: {} [{}]", name, fmt::join(shape, ", ")));
    return;
  }
  const bool is_float = found->dtype == "F32" || found->dtype == "F16" || found->dtype == "BF16";
  if (found->shape != std::vector<std::int64_t>(shape.begin(), shape.end()) || !is_float) {
    problems.push_back(
        fmt::format(
            "{} is {}, wanted [{}] of floats", name, found->describe(), fmt::join(shape, ", ")));
  }
}

// Every tensor that should be there is, with the base's shapes, and no other.
std::vector<std::string> misfits(
    const SafetensorsHeader& header, const std::map<std::string, AdapterSite>& linears, int rank) {
  std::vector<std::string> problems;
  std::set<std::string> known;
  for (const auto& [path, site] : linears) {
    known.insert({path + ".lora_a", path + ".lora_b"});
    check_tensor(header, path + ".lora_a", site.a_shape(rank), problems);
    check_tensor(header, path + ".lora_b", site.b_shape(rank), problems);
  }
  for (const TensorInfo& tensor : header.tensors) {
    if (!known.contains(tensor.name)) {
      problems.push_back(
          fmt::format("{} is no adapter of a layer that {} names", tensor.name, kConfigFile));
    }
  }
  if (linears.empty()) {
    problems.push_back(fmt::format("{} names no layer of this model", kConfigFile));
  }
  return problems;
}

// Every linear in the last layers that `json` names, no other: else mlx-lm would fill the gaps with
// random factors, and load_adapter() would refuse the files.
void check_even(
    const base::Json& json, const nn::LoraAdapter& adapter, const LanguageModel& model) {
  const auto expected = adapted_linears(AdapterConfig::from_json(json), model);
  std::vector<std::string> problems;
  for (const auto& [path, linear] : expected) {
    if (!adapter.layers.contains(path)) {
      problems.push_back(fmt::format("{} has no factors, unlike other layers", path));
    }
  }
  for (const auto& [path, weights] : adapter.layers) {
    if (!expected.contains(path)) {
      problems.push_back(fmt::format("{} is no linear of the model's layers", path));
    }
  }
  if (!problems.empty()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("the adapter cannot be written: {}", fmt::join(problems, "; ")));
  }
}

// fine_tune_type, num_layers and lora_parameters that describe exactly `adapter`.
base::Json described(const nn::LoraAdapter& adapter, const LanguageModel& model) {
  std::set<std::string> keys;
  std::set<int> ranks;
  int first = model.config().num_hidden_layers;
  for (const auto& [path, weights] : adapter.layers) {
    const LayerPath place = split(path);
    keys.insert(place.name);
    ranks.insert(weights.a.shape(1));
    first = std::min(first, place.layer);
  }
  const int layers = model.config().num_hidden_layers - first;
  if (ranks.size() != 1) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("an adapter has one rank, this one has {}", fmt::join(ranks, ", ")));
  }
  base::Json parameters = base::Json::object();
  parameters["dropout"] = adapter.dropout;
  parameters["keys"] = keys;
  parameters["rank"] = *ranks.begin();
  parameters["scale"] = adapter.scale;
  base::Json json = base::Json::object();
  json["fine_tune_type"] = "lora";
  json["lora_parameters"] = parameters;
  json["num_layers"] = layers;
  check_even(json, adapter, model);
  return json;
}

}  // namespace

mx::Shape AdapterSite::a_shape(int rank) const {
  return experts > 0 ? mx::Shape{experts, rank, in} : mx::Shape{in, rank};
}

mx::Shape AdapterSite::b_shape(int rank) const {
  return experts > 0 ? mx::Shape{experts, out, rank} : mx::Shape{rank, out};
}

std::vector<AdapterSite> adapter_sites(const LanguageModel& model) {
  std::vector<AdapterSite> sites;
  for (const nn::Linear* linear : model.linears()) {
    sites.push_back({linear->path(), linear->in_features(), linear->out_features(), 0});
  }
  for (const nn::SwitchLinear* linear : model.switch_linears()) {
    sites.push_back(
        {linear->path(), linear->in_features(), linear->out_features(), linear->experts()});
  }
  return sites;
}

nn::LoraAdapter load_adapter(const std::filesystem::path& folder, const LanguageModel& model) {
  const AdapterConfig config = AdapterConfig::load(folder);
  const auto file = folder / kTensorFile;
  const auto header = SafetensorsHeader::read(file);
  const auto linears = adapted_linears(config, model);
  const auto problems = misfits(header, linears, config.rank);
  if (!problems.empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "{}: the adapter does not fit the model: {}",
            folder.string(),
            fmt::join(problems, "; ")),
        {},
        "adapter_does_not_fit");
  }
  nn::LoraAdapter adapter;
  adapter.scale = static_cast<float>(config.scale);
  auto tensors = tensor::load_safetensors(file);
  std::vector<mx::array> arrays;
  for (const auto& [path, site] : linears) {
    const mx::array a = tensor::astype(tensors.at(path + ".lora_a"), mx::float32);
    const mx::array b = tensor::astype(tensors.at(path + ".lora_b"), mx::float32);
    adapter.layers.insert({path, nn::LoraWeights{a, b}});
    arrays.insert(arrays.end(), {a, b});
  }
  mx::eval(arrays);
  return adapter;
}

void save_adapter(
    const std::filesystem::path& folder,
    const nn::LoraAdapter& adapter,
    const LanguageModel& model,
    const base::Json& extra) {
  base::Json json = described(adapter, model);
  for (const auto& [key, value] : extra.items()) {
    if (json.contains(key)) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument, fmt::format("'{}' follows from the adapter", key));
    }
    json[key] = value;
  }
  std::unordered_map<std::string, mx::array> tensors;
  for (const auto& [path, weights] : adapter.layers) {
    tensors.insert({path + ".lora_a", tensor::astype(weights.a, mx::float32)});
    tensors.insert({path + ".lora_b", tensor::astype(weights.b, mx::float32)});
  }
  base::write_file_atomically(folder / kConfigFile, json.dump(2) + "\n");
  tensor::save_safetensors(folder / kTensorFile, tensors);
}

}  // namespace hub::models
