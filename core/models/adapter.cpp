// Port of mlx_lm/tuner/utils.py › load_adapters, stricter: nothing is skipped in silence.
#include <algorithm>
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
#include "core/models/adaptable.h"
#include "core/models/language_model.h"
#include "core/tensor/ops.h"

namespace hub::models {
namespace {

using model_config::AdapterConfig;
using model_config::SafetensorsHeader;
using model_config::TensorInfo;

constexpr const char* kTensorFile = "adapters.safetensors";
constexpr const char* kConfigFile = "adapter_config.json";

using Modules = std::map<std::string, Adaptable>;  // by path

Modules modules_of(const LanguageModel& model) {
  Modules result;
  for (const Adaptable& module : adaptables(model)) {
    result.emplace(module.path(), module);
  }
  return result;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The modules that `config` says are adapted.
Modules adapted_modules(const AdapterConfig& config, const LanguageModel& model) {
  const int layers = model.config().num_hidden_layers;
  if (config.num_layers > layers) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("'num_layers' is {}, but the model has {}", config.num_layers, layers));
  }
  const int first = config.num_layers > 0 ? layers - config.num_layers : 0;
  Modules result = modules_of(model);
  std::erase_if(result, [&](const auto& entry) {
    const LayerPath place = entry.second.place();
    if (config.keys && contains(*config.keys, entry.first)) {
      return false;
    }
    const bool named = !config.keys || contains(*config.keys, place.relative);
    return !named || !place.layer || *place.layer < first;
  });
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
    const SafetensorsHeader& header, const Modules& modules, const AdapterConfig& config) {
  std::vector<std::string> problems;
  std::set<std::string> known;
  for (const auto& [path, module] : modules) {
    known.insert({path + ".lora_a", path + ".lora_b"});
    check_tensor(header, path + ".lora_a", module.a_shape(config.rank), problems);
    check_tensor(header, path + ".lora_b", module.b_shape(config.rank), problems);
    if (config.fine_tune_type != "dora") {
      continue;
    }
    known.insert(path + ".m");
    if (module.takes_magnitudes()) {
      check_tensor(header, path + ".m", {module.rows()}, problems);
    } else {
      problems.push_back(path + " has experts, which take no magnitudes (dora)");
    }
  }
  for (const TensorInfo& tensor : header.tensors) {
    if (!known.contains(tensor.name)) {
      problems.push_back(
          fmt::format("{} is no adapter of a module that {} names", tensor.name, kConfigFile));
    }
  }
  if (modules.empty()) {
    problems.push_back(fmt::format("{} names no layer of this model", kConfigFile));
  }
  return problems;
}

// What mlx-lm needs to find exactly these modules: names relative to a layer where every layer from
// `first` on has the module, whole paths for the others.
std::set<std::string> keys_of(const nn::LoraAdapter& adapter, const Modules& modules, int first) {
  std::map<std::string, bool> everywhere;  // by relative name
  for (const auto& [path, module] : modules) {
    const LayerPath place = module.place();
    if (place.layer && *place.layer >= first) {
      const auto [entry, added] = everywhere.try_emplace(place.relative, true);
      entry->second = entry->second && adapter.layers.contains(path);
    }
  }
  std::set<std::string> keys;
  for (const auto& [path, weights] : adapter.layers) {
    const LayerPath place = split_path(path);
    keys.insert(place.layer && everywhere.at(place.relative) ? place.relative : path);
  }
  return keys;
}

[[noreturn]] void cannot_write(const std::string& reason) {
  throw base::Error(
      base::ErrorCode::kInvalidArgument, fmt::format("the adapter cannot be written: {}", reason));
}

// fine_tune_type, num_layers and lora_parameters that describe exactly `adapter`.
base::Json described(const nn::LoraAdapter& adapter, const LanguageModel& model) {
  const Modules modules = modules_of(model);
  const int layers = model.config().num_hidden_layers;
  std::set<int> ranks;
  std::size_t with_magnitudes = 0;
  int first = layers - 1;
  for (const auto& [path, weights] : adapter.layers) {
    const auto found = modules.find(path);
    if (found == modules.end()) {
      cannot_write(path + " is no module of the model that takes factors");
    }
    ranks.insert(weights.a.shape(1));
    with_magnitudes += weights.dora ? 1 : 0;
    first = std::min(first, found->second.place().layer.value_or(first));
  }
  if (ranks.size() != 1) {
    cannot_write(
        fmt::format("it has one rank, but here are {}: {}", ranks.size(), fmt::join(ranks, ", ")));
  }
  if (with_magnitudes != 0 && with_magnitudes != adapter.layers.size()) {
    cannot_write("some of its modules have magnitudes and some have none");
  }
  base::Json parameters = base::Json::object();
  parameters["dropout"] = adapter.dropout;
  parameters["keys"] = keys_of(adapter, modules, first);
  parameters["rank"] = *ranks.begin();
  parameters["scale"] = adapter.scale;
  base::Json json = base::Json::object();
  json["fine_tune_type"] = with_magnitudes > 0 ? "dora" : "lora";
  json["lora_parameters"] = parameters;
  json["num_layers"] = layers - first;
  return json;
}

[[noreturn]] void does_not_fit(const std::filesystem::path& folder, const std::string& reason) {
  throw base::Error(
      base::ErrorCode::kUnprocessable,
      fmt::format("{}: the adapter does not fit the model: {}", folder.string(), reason),
      {},
      "adapter_does_not_fit");
}

}  // namespace

nn::LoraAdapter load_adapter(const std::filesystem::path& folder, const LanguageModel& model) {
  const AdapterConfig config = AdapterConfig::load(folder);
  if (config.fine_tune_type == "full") {
    does_not_fit(
        folder,
        "it holds whole weights of a full fine-tuning, which replace the base's and cannot be "
        "added to it");
  }
  const auto file = folder / kTensorFile;
  const auto header = SafetensorsHeader::read(file);
  const Modules modules = adapted_modules(config, model);
  const auto problems = misfits(header, modules, config);
  if (!problems.empty()) {
    does_not_fit(folder, fmt::format("{}", fmt::join(problems, "; ")));
  }
  nn::LoraAdapter adapter;
  adapter.scale = static_cast<float>(config.scale);
  auto tensors = tensor::load_safetensors(file);
  const auto take = [&](const std::string& name) {
    mx::array array = tensor::astype(tensors.at(name), mx::float32);
    array.eval();
    return array;
  };
  for (const auto& [path, module] : modules) {
    nn::LoraWeights weights{take(path + ".lora_a"), take(path + ".lora_b")};
    if (config.fine_tune_type == "dora") {
      const mx::array m = take(path + ".m");
      mx::array gain = m / module.adapted_norms(weights, adapter.scale, module.row_norms());
      gain.eval();
      weights.dora = nn::Magnitudes{m, gain};
    }
    adapter.layers.insert({path, std::move(weights)});
  }
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
    if (weights.dora) {
      tensors.insert({path + ".m", tensor::astype(weights.dora->m, mx::float32)});
    }
  }
  base::write_file_atomically(folder / kConfigFile, json.dump(2) + "\n");
  tensor::save_safetensors(folder / kTensorFile, tensors);
}

}  // namespace hub::models
