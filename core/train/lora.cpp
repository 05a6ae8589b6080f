#include "core/train/lora.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/tensor/ops.h"

namespace hub::train {
namespace {

constexpr std::string_view kMarker = "layers.";

// "model.layers.12.mlp.up_proj" -> {12, "mlp.up_proj"}
struct LayerPath {
  int layer;
  std::string relative;
};

LayerPath split_path(const std::string& path) {
  const std::size_t marker = path.find(kMarker);
  std::size_t end = marker == std::string::npos ? path.size() : marker + kMarker.size();
  const std::size_t begin = end;
  while (end < path.size() && std::isdigit(static_cast<unsigned char>(path[end])) != 0) {
    ++end;
  }
  if (end == begin || end + 1 >= path.size() || path[end] != '.') {
    throw base::Error(
        base::ErrorCode::kInternal,
        "expected a linear's path of the form model.layers.<n>.<name>, got " + path);
  }
  return {std::stoi(path.substr(begin, end - begin)), path.substr(end + 1)};
}

bool matches(const std::string& relative, const std::string& target) {
  return relative == target || relative.ends_with("." + target);
}

int first_adapted_layer(const models::LanguageModel& model, int num_layers) {
  const int layers = model.config().num_hidden_layers;
  if (num_layers > layers) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("num_layers is {}, but the model has {} layers", num_layers, layers),
        "params.num_layers");
  }
  return num_layers < 1 ? 0 : layers - num_layers;
}

void check_targets(
    const std::vector<std::string>& targets, const std::set<std::string>& available) {
  for (const std::string& target : targets) {
    const bool found =
        std::any_of(available.begin(), available.end(), [&](const std::string& relative) {
          return matches(relative, target);
        });
    if (!found) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          fmt::format(
              "target_modules names \"{}\", which no layer has; there are: {}",
              target,
              fmt::join(available, ", ")),
          "params.target_modules");
    }
  }
}

// The linears to adapt, in name order.
std::map<std::string, models::AdapterSite> choose_linears(
    const models::LanguageModel& model, const model_config::FinetuneParams& params) {
  const int first_layer = first_adapted_layer(model, params.num_layers);
  std::map<std::string, models::AdapterSite> chosen;
  std::set<std::string> available;
  for (const models::AdapterSite& site : models::adapter_sites(model)) {
    const LayerPath place = split_path(site.path);
    available.insert(place.relative);
    const auto& targets = params.target_modules;
    const bool wanted =
        !targets || std::any_of(targets->begin(), targets->end(), [&](const std::string& target) {
          return matches(place.relative, target);
        });
    if (wanted && place.layer >= first_layer) {
      chosen.emplace(site.path, site);
    }
  }
  if (params.target_modules) {
    check_targets(*params.target_modules, available);
  }
  if (chosen.empty()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "target_modules is empty: nothing would be trained",
        "params.target_modules");
  }
  return chosen;
}

}  // namespace

nn::LoraAdapter TrainableAdapter::bind(
    std::span<const mx::array> values, const std::optional<mx::array>& dropout_key) const {
  nn::LoraAdapter adapter;
  adapter.scale = scale;
  if (dropout_key && dropout > 0.0F) {
    adapter.dropout = dropout;
    adapter.dropout_key = dropout_key;
  }
  for (std::size_t i = 0; i < paths.size(); ++i) {
    adapter.layers.emplace(paths[i], nn::LoraWeights{values[2 * i], values[(2 * i) + 1]});
  }
  return adapter;
}

std::vector<std::string> TrainableAdapter::names() const {
  std::vector<std::string> result;
  for (const std::string& path : paths) {
    result.push_back(path + ".lora_a");
    result.push_back(path + ".lora_b");
  }
  return result;
}

std::uint64_t TrainableAdapter::size() const {
  std::uint64_t values = 0;
  for (const mx::array& parameter : parameters) {
    values += parameter.size();
  }
  return values;
}

TrainableAdapter make_adapter(
    const models::LanguageModel& model,
    const model_config::FinetuneParams& params,
    std::uint64_t seed) {
  TrainableAdapter result;
  result.rank = params.rank;
  result.scale = static_cast<float>(params.scale);
  result.dropout = static_cast<float>(params.dropout);
  mx::array key = mx::random::key(seed);
  for (const auto& [path, site] : choose_linears(model, params)) {
    const auto [next, own] = mx::random::split(key);
    key = next;
    const float bound = 1.0F / std::sqrt(static_cast<float>(site.in));
    result.paths.push_back(path);
    result.parameters.push_back(
        mx::random::uniform(
            mx::array(-bound), mx::array(bound), site.a_shape(params.rank), mx::float32, own));
    result.parameters.push_back(mx::zeros(site.b_shape(params.rank), mx::float32));
  }
  mx::eval(result.parameters);
  return result;
}

TrainableAdapter continue_adapter(
    const nn::LoraAdapter& start, const model_config::FinetuneParams& params) {
  TrainableAdapter result;
  result.scale = start.scale;
  result.dropout = static_cast<float>(params.dropout);
  for (const auto& [path, weights] : start.layers) {
    result.paths.push_back(path);
  }
  std::sort(result.paths.begin(), result.paths.end());
  for (const std::string& path : result.paths) {
    const nn::LoraWeights& weights = start.layers.at(path);
    result.rank = weights.a.shape(1);
    result.parameters.push_back(tensor::astype(weights.a, mx::float32));
    result.parameters.push_back(tensor::astype(weights.b, mx::float32));
  }
  mx::eval(result.parameters);
  return result;
}

}  // namespace hub::train
