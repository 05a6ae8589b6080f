#include "core/peft/export_adapter.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/peft/factor_file.h"

namespace hub::peft {
namespace {

using base::Json;
using model_config::TensorInfo;

constexpr std::string_view kLayers = "model.layers.";

// "model.layers.3.self_attn.q_proj.lora_a": the layer and the target.
std::pair<int, std::string> place_of(const std::string& name) {
  const std::size_t dot = name.find('.', kLayers.size());
  int layer = -1;
  if (name.starts_with(kLayers) && dot != std::string::npos) {
    std::from_chars(name.data() + kLayers.size(), name.data() + dot, layer);
  }
  return {layer, layer < 0 ? "" : name.substr(dot + 1, name.rfind('.') - dot - 1)};
}

// PEFT takes integers where they are.
Json number(double value) {
  return std::floor(value) == value && std::abs(value) < 1e9
             ? Json(static_cast<std::int64_t>(value))
             : Json(value);
}

}  // namespace

ExportedAdapter::ExportedAdapter(
    const std::filesystem::path& folder, std::string base_model, int layers)
    : file_(folder / "adapters.safetensors"),
      base_model_(std::move(base_model)),
      layers_(layers),
      config_(model_config::AdapterConfig::load(folder)),
      header_(model_config::SafetensorsHeader::read(file_)) {
  for (const TensorInfo& tensor : header_.tensors) {
    const bool is_a = tensor.name.ends_with(".lora_a");
    if ((!is_a && !tensor.name.ends_with(".lora_b")) || place_of(tensor.name).first < 0) {
      throw base::Error(
          base::ErrorCode::kUnprocessable,
          fmt::format("{}: PEFT has no name for {}", file_.string(), tensor.name),
          {},
          "adapter_not_supported");
    }
    if (tensor.shape.size() != 2) {
      throw base::Error(
          base::ErrorCode::kUnprocessable,
          fmt::format(
              "{}: {} has factors for each expert, which are not exported to PEFT: train an "
              "adapter whose target_modules name no experts",
              file_.string(),
              tensor.name),
          {},
          "adapter_not_supported");
    }
    const std::string path = tensor.name.substr(0, tensor.name.rfind('.'));
    entries_.push_back(
        {&tensor, fmt::format("base_model.model.{}.lora_{}.weight", path, is_a ? "A" : "B")});
  }
  std::sort(entries_.begin(), entries_.end(), [](const Entry& left, const Entry& right) {
    return left.name < right.name;
  });
}

std::string ExportedAdapter::config() const {
  std::set<std::string> targets;
  std::set<int> adapted;
  for (const Entry& entry : entries_) {
    const auto [layer, target] = place_of(entry.source->name);
    targets.insert(target);
    adapted.insert(layer);
  }
  Json json = Json::object();
  json["peft_type"] = "LORA";
  json["task_type"] = "CAUSAL_LM";
  json["base_model_name_or_path"] = base_model_;
  json["r"] = config_.rank;
  json["lora_alpha"] = number(config_.scale * config_.rank);
  json["lora_dropout"] = config_.dropout;
  json["use_rslora"] = false;
  json["use_dora"] = false;
  json["bias"] = "none";
  json["fan_in_fan_out"] = false;
  json["inference_mode"] = true;
  json["init_lora_weights"] = true;
  json["target_modules"] = targets;
  json["layers_to_transform"] =
      static_cast<int>(adapted.size()) < layers_ ? Json(adapted) : Json(nullptr);
  json["layers_pattern"] = nullptr;
  json["modules_to_save"] = nullptr;
  json["rank_pattern"] = Json::object();
  json["alpha_pattern"] = Json::object();
  return json.dump(2) + "\n";
}

void ExportedAdapter::write_tensors(const std::function<bool(std::string_view)>& sink) const {
  Json header = {{"__metadata__", {{"format", "pt"}}}};
  std::uint64_t end = 0;
  for (const Entry& entry : entries_) {
    const auto& shape = entry.source->shape;
    const auto bytes = static_cast<std::uint64_t>(shape.at(0) * shape.at(1)) * sizeof(float);
    header[entry.name] = {
        {"dtype", "F32"},
        {"shape", {shape.at(1), shape.at(0)}},
        {"data_offsets", {end, end + bytes}}};
    end += bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string start(8, '\0');
  for (std::size_t i = 0; i < start.size(); ++i) {
    start[i] = static_cast<char>((text.size() >> (8 * i)) & 0xFFU);
  }
  if (!sink(start + text)) {
    return;
  }
  for (const Entry& entry : entries_) {
    const Factor factor = read_factor(file_, *entry.source).transposed();
    const std::string_view bytes(
        reinterpret_cast<const char*>(factor.values.data()), factor.values.size() * sizeof(float));
    if (!sink(bytes)) {
      return;
    }
  }
}

}  // namespace hub::peft
