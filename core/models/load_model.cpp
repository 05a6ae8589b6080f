#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/models/gemma3.h"
#include "core/models/gemma4.h"
#include "core/models/gpt_oss.h"
#include "core/models/language_model.h"
#include "core/models/llama.h"
#include "core/models/model_tensors.h"
#include "core/models/phi3.h"
#include "core/models/qwen3_5.h"
#include "core/models/qwen3_moe.h"
#include "core/models/weights.h"

namespace hub::models {
namespace {

using MakeModel = std::unique_ptr<LanguageModel> (*)(const model_config::ModelConfig&, Weights);

// One line a family; the names are those of model_config::known_model_types().
constexpr std::array<std::pair<std::string_view, MakeModel>, 11> kFamilies{{
    {"llama", make_llama},
    {"mistral", make_llama},
    {"smollm3", make_llama},
    {"qwen2", make_llama},
    {"qwen3", make_llama},
    {"phi3", make_phi3},
    {"gemma3_text", make_gemma3},
    {"gemma4_text", make_gemma4},
    {"qwen3_moe", make_qwen3_moe},
    {"gpt_oss", make_gpt_oss},
    {"qwen3_5_text", make_qwen3_5},
}};

// `config` as `options` have it: with what is asked for alone.
model_config::ModelConfig reduced(model_config::ModelConfig config, LoadOptions options) {
  config.mtp_layers = options.mtp_head ? config.mtp_layers : 0;
  return config;
}

std::unique_ptr<LanguageModel> make_family(
    const model_config::ModelConfig& config,
    Weights weights,
    const std::string& where,
    LoadOptions options) {
  weights.set_activation_bits(options.activation_bits);
  if (config.encoder) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "{}: '{}' is a text encoder: it makes embeddings, and has no next token",
            where,
            config.model_type));
  }
  for (const auto& [model_type, make] : kFamilies) {
    if (model_type == config.model_type) {
      return make(config, std::move(weights));
    }
  }
  throw base::Error(
      base::ErrorCode::kUnprocessable,
      fmt::format("{}: no code for the architecture '{}'", where, config.model_type));
}

}  // namespace

std::unique_ptr<LanguageModel> load_model(
    const std::filesystem::path& folder, LoadOptions options) {
  const auto config = reduced(model_config::ModelConfig::load(folder), options);
  return make_family(config, Weights(folder, config), folder.string(), options);
}

std::unique_ptr<LanguageModel> make_model(const ModelTensors& tensors, LoadOptions options) {
  const auto config = reduced(tensors.config, options);
  return make_family(config, Weights(tensors.arrays, config), "the arrays", options);
}

}  // namespace hub::models
