#include "core/model_config/finetune_params.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::model_config {
namespace {

using base::Json;
using base::JsonReader;

constexpr double kMaxScale = 1e4;
constexpr double kMaxBeta = 1e4;
constexpr std::size_t kMostSamples = 16;
constexpr std::size_t kLongestSample = 4000;
constexpr int kMany = 1'000'000'000;
constexpr int kMostRanks = 64;
// Integers up to here survive every JSON client.
constexpr std::int64_t kMaxSeed = 9'007'199'254'740'991;

[[noreturn]] void refuse(
    const JsonReader& reader, std::string_view key, std::string_view wanted, const Json& got) {
  const std::string path = reader.path_of(key);
  throw base::Error(
      base::ErrorCode::kInvalidArgument,
      fmt::format("'{}' must be {}, got {}", path, wanted, got.dump()),
      path);
}

void read_int(const JsonReader& reader, std::string_view key, int low, int high, int& field) {
  if (const auto value = reader.optional_int(key, low, high)) {
    field = static_cast<int>(*value);
  }
}

void read_optional_int(
    const JsonReader& reader, std::string_view key, int low, int high, std::optional<int>& field) {
  if (const auto value = reader.optional_int(key, low, high)) {
    field = static_cast<int>(*value);
  }
}

void read_number(
    const JsonReader& reader, std::string_view key, double low, double high, double& field) {
  field = reader.optional_number(key, low, high).value_or(field);
}

// As read_number(), but the bound itself is refused.
void read_positive(const JsonReader& reader, std::string_view key, double high, double& field) {
  read_number(reader, key, 0.0, high, field);
  if (!(field > 0.0)) {
    refuse(reader, key, fmt::format("a number above 0 and at most {}", high), reader.value(key));
  }
}

void read_below(const JsonReader& reader, std::string_view key, double limit, double& field) {
  read_number(reader, key, 0.0, limit, field);
  if (!(field < limit)) {
    refuse(reader, key, fmt::format("a number from 0 and below {}", limit), reader.value(key));
  }
}

void read_flag(const JsonReader& reader, std::string_view key, bool& field) {
  field = reader.optional_bool(key).value_or(field);
}

template <std::size_t N>
void read_choice(
    const JsonReader& reader,
    std::string_view key,
    const std::array<std::string_view, N>& choices,
    std::string& field) {
  const auto value = reader.optional_string(key);
  if (!value) {
    return;
  }
  if (std::find(choices.begin(), choices.end(), *value) == choices.end()) {
    refuse(reader, key, fmt::format("one of {}", fmt::join(choices, ", ")), reader.value(key));
  }
  field = *value;
}

// A number, or "auto".
void read_batch_size(const JsonReader& reader, std::optional<int>& field) {
  const std::string_view key = "batch_size";
  if (!reader.has(key)) {
    return;
  }
  const Json& value = reader.value(key);
  if (value.is_string()) {
    if (value.get<std::string>() != "auto") {
      refuse(reader, key, "an integer from 1 to 4096 or \"auto\"", value);
    }
    field.reset();
    return;
  }
  read_optional_int(reader, key, 1, 4096, field);
}

void read_targets(const JsonReader& reader, std::optional<std::vector<std::string>>& field) {
  const std::string_view key = "target_modules";
  if (const auto value = reader.optional_strings(key)) {
    if (value->empty()) {
      refuse(reader, key, "a list with at least one name, or null for all", reader.value(key));
    }
    field = value;
  }
}

// The scale, as such or by PEFT's alpha. Both may be given when they agree, as in to_json().
void read_scale(const JsonReader& reader, FinetuneParams& params) {
  read_positive(reader, "scale", kMaxScale, params.scale);
  read_flag(reader, "rslora", params.rslora);
  if (!reader.has("alpha")) {
    if (params.rslora) {
      refuse(reader, "rslora", "false without alpha", reader.value("rslora"));
    }
    return;
  }
  double alpha = 0.0;
  read_positive(reader, "alpha", kMaxScale, alpha);
  params.alpha = alpha;
  const double scale = alpha / (params.rslora ? std::sqrt(params.rank) : params.rank);
  if (reader.has("scale") && std::abs(params.scale - scale) > 1e-9 * scale) {
    refuse(
        reader,
        "scale",
        fmt::format("absent, or {} as follows from alpha", scale),
        reader.value("scale"));
  }
  params.scale = scale;
}

void read_optimizer(const JsonReader& reader, FinetuneParams& params) {
  std::string name = params.optimizer.name;
  read_choice(
      reader,
      "optimizer",
      std::array<std::string_view, 6>{"adam", "adamw", "sgd", "lion", "adafactor", "muon"},
      name);
  const Json* config = reader.optional_object("optimizer_config");
  params.optimizer = OptimizerParams::from_json(
      name, config == nullptr ? Json(nullptr) : *config, reader.path_of("optimizer_config"));
  params.weight_decay = reader.optional_number("weight_decay", 0.0, 10.0);
  if (name == "adam" && params.weight_decay.value_or(0.0) != 0.0) {
    refuse(
        reader,
        "weight_decay",
        "0 or null with optimizer adam (adamw has it)",
        reader.value("weight_decay"));
  }
  params.no_decay = reader.optional_strings("no_decay").value_or(params.no_decay);
  read_flag(reader, "decay_vectors", params.decay_vectors);
}

void read_schedule(const JsonReader& reader, FinetuneParams& params) {
  read_positive(reader, "learning_rate", 10.0, params.learning_rate);
  read_choice(
      reader,
      "lr_schedule",
      std::array<std::string_view, 5>{
          "constant", "linear", "cosine", "exponential_decay", "step_decay"},
      params.lr_schedule);
  read_number(reader, "lr_end", 0.0, 10.0, params.lr_end);
  if (reader.has("lr_decay_rate")) {
    double rate = 0.0;
    read_positive(reader, "lr_decay_rate", 1.0, rate);
    params.lr_decay_rate = rate;
  }
  read_optional_int(reader, "lr_decay_steps", 1, kMany, params.lr_decay_steps);
  const bool stairs = params.lr_schedule == "step_decay";
  if ((stairs || params.lr_schedule == "exponential_decay") && !params.lr_decay_rate) {
    refuse(reader, "lr_decay_rate", "given with lr_schedule " + params.lr_schedule, nullptr);
  }
  if (stairs && !params.lr_decay_steps) {
    refuse(reader, "lr_decay_steps", "given with lr_schedule step_decay", nullptr);
  }
  read_int(reader, "warmup_steps", 0, kMany, params.warmup_steps);
  read_number(reader, "warmup_init", 0.0, 10.0, params.warmup_init);
}

// What the objective does not have is refused where it would have changed something.
void check_objective(const JsonReader& reader, const FinetuneParams& params) {
  const FinetuneParams defaults;
  const bool dpo = params.objective == "dpo";
  const bool sft = params.objective == "sft";
  if (sft && params.beta != defaults.beta) {
    refuse(reader, "beta", "absent without objective dpo or orpo", reader.value("beta"));
  }
  if (!dpo && params.loss_type != defaults.loss_type) {
    refuse(reader, "loss_type", "sigmoid without objective dpo", reader.value("loss_type"));
  }
  if (params.label_smoothing > 0.0 && (!dpo || params.loss_type != "sigmoid")) {
    refuse(
        reader,
        "label_smoothing",
        "0 without objective dpo and loss_type sigmoid",
        reader.value("label_smoothing"));
  }
  for (const char* key : {"compat", "train_on_prompt"}) {
    if (!sft && reader.optional_bool(key).value_or(false)) {
      refuse(
          reader, key, fmt::format("false with objective {}", params.objective), reader.value(key));
    }
  }
}

void read_objective(const JsonReader& reader, FinetuneParams& params) {
  read_choice(
      reader, "objective", std::array<std::string_view, 3>{"sft", "dpo", "orpo"}, params.objective);
  read_positive(reader, "beta", kMaxBeta, params.beta);
  read_below(reader, "label_smoothing", 0.5, params.label_smoothing);
  read_choice(
      reader,
      "loss_type",
      std::array<std::string_view, 3>{"sigmoid", "hinge", "ipo"},
      params.loss_type);
  check_objective(reader, params);
}

void read_num_layers(const JsonReader& reader, int& field) {
  read_int(reader, "num_layers", -1, 4096, field);
  if (field == 0) {
    refuse(reader, "num_layers", "-1 (all) or from 1 to 4096", reader.value("num_layers"));
  }
}

void read_sample_prompts(const JsonReader& reader, std::vector<std::string>& field) {
  const std::string_view key = "sample_prompts";
  const auto value = reader.optional_strings(key);
  if (!value) {
    return;
  }
  const bool fits =
      value->size() <= kMostSamples && std::all_of(value->begin(), value->end(), [](const auto& p) {
        return !p.empty() && p.size() <= kLongestSample;
      });
  if (!fits) {
    refuse(
        reader,
        key,
        fmt::format("at most {} texts of 1 to {} bytes", kMostSamples, kLongestSample),
        reader.value(key));
  }
  field = *value;
}

void refuse_unknown(const JsonReader& reader) {
  reader.refuse_unknown(
      {"early_stopping_min_delta",
       "save_best",
       "keep_checkpoints",
       "sample_prompts",
       "sample_max_tokens",
       "nonfinite_patience",
       "nonfinite_rollbacks",
       "rollback_lr_factor",
       "clear_cache_tokens",
       "alpha",
       "rslora",
       "method",
       "objective",
       "beta",
       "label_smoothing",
       "loss_type",
       "rank",
       "scale",
       "dropout",
       "target_modules",
       "num_layers",
       "optimizer",
       "optimizer_config",
       "learning_rate",
       "lr_schedule",
       "lr_end",
       "lr_decay_rate",
       "lr_decay_steps",
       "warmup_steps",
       "warmup_init",
       "weight_decay",
       "no_decay",
       "decay_vectors",
       "max_grad_norm",
       "batch_size",
       "max_seq_length",
       "packing",
       "epochs",
       "max_steps",
       "report_every",
       "eval_every",
       "save_every",
       "eval_fraction",
       "early_stopping_patience",
       "grad_checkpoint",
       "grad_accumulation_steps",
       "data_parallel",
       "train_on_prompt",
       "compat",
       "seed"});
}

}  // namespace

FinetuneParams FinetuneParams::from_json(const Json& json, const std::string& path) {
  const JsonReader reader(json, path);
  refuse_unknown(reader);
  FinetuneParams params;
  read_choice(
      reader, "method", std::array<std::string_view, 3>{"lora", "dora", "full"}, params.method);
  read_objective(reader, params);
  read_int(reader, "rank", 1, 512, params.rank);
  read_scale(reader, params);
  read_below(reader, "dropout", 1.0, params.dropout);
  read_targets(reader, params.target_modules);
  read_num_layers(reader, params.num_layers);
  read_flag(reader, "compat", params.compat);
  if (params.compat) {  // mlx_lm/lora.py › CONFIG_DEFAULTS
    params.optimizer = OptimizerParams::defaults("adam");
    params.learning_rate = 1e-5;
    params.lr_schedule = "constant";
    params.decay_vectors = true;
  }
  read_optimizer(reader, params);
  read_schedule(reader, params);
  read_number(reader, "max_grad_norm", 0.0, 1e6, params.max_grad_norm);
  read_batch_size(reader, params.batch_size);
  read_int(reader, "max_seq_length", 8, 1 << 20, params.max_seq_length);
  read_flag(reader, "packing", params.packing);
  if (params.packing && (params.compat || params.objective != "sft")) {
    refuse(
        reader,
        "packing",
        params.compat ? "false with compat: mlx-lm has none" : "false with this objective",
        true);
  }
  read_int(reader, "epochs", 1, 100'000, params.epochs);
  read_optional_int(reader, "max_steps", 1, kMany, params.max_steps);
  read_int(reader, "report_every", 1, kMany, params.report_every);
  read_int(reader, "eval_every", 0, kMany, params.eval_every);
  read_int(reader, "save_every", 0, kMany, params.save_every);
  read_below(reader, "eval_fraction", 1.0, params.eval_fraction);
  read_optional_int(reader, "early_stopping_patience", 1, kMany, params.early_stopping_patience);
  read_number(reader, "early_stopping_min_delta", 0.0, 1e6, params.early_stopping_min_delta);
  read_flag(reader, "save_best", params.save_best);
  read_optional_int(reader, "keep_checkpoints", 1, kMany, params.keep_checkpoints);
  read_sample_prompts(reader, params.sample_prompts);
  read_int(reader, "sample_max_tokens", 1, 4096, params.sample_max_tokens);
  read_int(reader, "nonfinite_patience", 1, kMany, params.nonfinite_patience);
  read_int(reader, "nonfinite_rollbacks", 0, kMany, params.nonfinite_rollbacks);
  read_positive(reader, "rollback_lr_factor", 1.0, params.rollback_lr_factor);
  params.clear_cache_tokens =
      reader.optional_int("clear_cache_tokens", 0, kMaxSeed).value_or(params.clear_cache_tokens);
  read_flag(reader, "grad_checkpoint", params.grad_checkpoint);
  read_int(reader, "grad_accumulation_steps", 1, 4096, params.grad_accumulation_steps);
  read_int(reader, "data_parallel", 1, kMostRanks, params.data_parallel);
  read_flag(reader, "train_on_prompt", params.train_on_prompt);
  params.seed = static_cast<std::uint64_t>(reader.optional_int("seed", 0, kMaxSeed).value_or(0));
  return params;
}

}  // namespace hub::model_config
