#include "core/model_config/text_part.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::model_config {
namespace {

using base::Json;

struct Whole {
  std::string_view model_type;
  std::string_view text_type;
  // Fields that `text_config` may leave to its class in transformers; 0: it must have them.
  int vocab_size;
  int attention_heads;
  int key_value_heads;
};

constexpr std::array kWholes{
    Whole{"gemma3", "gemma3_text", 262208, 8, 4},
    Whole{"gemma4", "gemma4_text", 262144, 8, 1},
    Whole{"gemma4_unified", "gemma4_text", 262144, 8, 1},
    Whole{"qwen3_5", "qwen3_5_text", 0, 0, 0}};

// Fields of the whole model that hold for its text.
constexpr std::array kOuterFields{
    "quantization", "quantization_config", "eos_token_id", "bos_token_id"};

constexpr std::array<std::string_view, 7> kOtherParts{
    "visual.",
    "vision_tower.",
    "vision_embedder.",
    "multi_modal_projector.",
    "audio_tower.",
    "embed_audio.",
    "embed_vision."};

constexpr std::string_view kModel = "model.";

constexpr auto kWholeTypes = [] {
  std::array<std::string_view, kWholes.size()> names{};
  std::transform(kWholes.begin(), kWholes.end(), names.begin(), [](const Whole& whole) {
    return whole.model_type;
  });
  return names;
}();

void set_default(Json& config, const char* key, int value) {
  if (value != 0 && !config.contains(key)) {
    config[key] = value;
  }
}

}  // namespace

std::span<const std::string_view> known_whole_types() {
  return kWholeTypes;
}

std::optional<Json> text_config_of(const Json& json) {
  const base::JsonReader reader(json);
  const std::string type = reader.optional_string("model_type").value_or("");
  const auto* whole = std::find_if(
      kWholes.begin(), kWholes.end(), [&](const Whole& each) { return each.model_type == type; });
  if (whole == kWholes.end()) {
    return std::nullopt;
  }
  // mlx-lm takes a config.json of this type without `text_config` for the text's own.
  const Json* inner = reader.optional_object("text_config");
  Json config = inner == nullptr ? json : *inner;
  config["model_type"] = whole->text_type;
  for (const char* key : kOuterFields) {
    if (json.contains(key)) {
      config[key] = json.at(key);
    }
  }
  if (json.contains("vocab_size")) {
    config["vocab_size"] = json.at("vocab_size");
  }
  set_default(config, "vocab_size", whole->vocab_size);
  set_default(config, "num_attention_heads", whole->attention_heads);
  set_default(config, "num_key_value_heads", whole->key_value_heads);
  return config;
}

std::optional<std::string> text_tensor_name(const std::string& stored) {
  std::string_view inner = stored;
  if (inner.starts_with(kModel)) {
    inner.remove_prefix(kModel.size());
  }
  const bool other = std::any_of(
      kOtherParts.begin(), kOtherParts.end(), [&](auto part) { return inner.starts_with(part); });
  if (other) {
    return std::nullopt;
  }
  const std::string_view prefix = kTextPrefix;
  if (stored.starts_with(prefix)) {
    return stored;
  }
  if (inner.starts_with(prefix)) {  // transformers: "model.language_model.layers.0.…"
    return fmt::format("{}model.{}", prefix, inner.substr(prefix.size()));
  }
  return fmt::format("{}{}", prefix, stored);
}

std::vector<WeightFile> read_text_weights(
    const std::filesystem::path& folder, const ModelConfig& config) {
  std::vector<WeightFile> files = read_weight_files(folder);
  if (config.prefix.empty()) {
    return files;
  }
  for (WeightFile& file : files) {
    std::vector<TensorInfo> kept;
    for (TensorInfo& tensor : file.header.tensors) {
      if (auto name = text_tensor_name(tensor.name)) {
        tensor.stored_name = std::exchange(tensor.name, std::move(*name));
        kept.push_back(std::move(tensor));
      }
    }
    std::sort(kept.begin(), kept.end(), [](const TensorInfo& left, const TensorInfo& right) {
      return left.name < right.name;
    });
    file.header.tensors = std::move(kept);
  }
  const auto all = tensors_by_name(files);
  const auto twice = std::adjacent_find(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.first->name == b.first->name;
  });
  if (twice != all.end()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "{}: the tensors '{}' and '{}' are both {}",
            folder.string(),
            twice->first->stored_name,
            std::next(twice)->first->stored_name,
            twice->first->name));
  }
  return files;
}

}  // namespace hub::model_config
