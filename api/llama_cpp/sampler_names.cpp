#include "api/llama_cpp/sampler_names.h"

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "api/openai/generation_options.h"

namespace hub::api {

namespace {

using base::Json;
using base::JsonReader;

constexpr std::array<std::string_view, 17> kSameFields{
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "xtc_probability",
    "xtc_threshold",
    "dry_multiplier",
    "dry_base",
    "dry_allowed_length",
    "dry_penalty_last_n",
    "dry_sequence_breakers",
    "presence_penalty",
    "frequency_penalty",
    "ignore_eos",
    "stop",
    "logit_bias"};
constexpr std::array<FieldName, 2> kNames{
    {{"repetition_penalty", "repeat_penalty"}, {"repetition_context_size", "repeat_last_n"}}};
// llama.cpp's default of repeat_last_n, and Ollama's.
constexpr std::int64_t kPenaltyWindow = 64;
constexpr std::int64_t kMaxInt = std::numeric_limits<int>::max();
constexpr std::int64_t kRandomSeed = 0xFFFFFFFF;  // llama.h: LLAMA_DEFAULT_SEED

void copy_penalties(const JsonReader& from, Json& options) {
  if (from.has("repeat_penalty")) {
    options["repetition_penalty"] = from.value("repeat_penalty");
  }
  // 0: none is said within no tokens; -1: the whole context.
  const std::int64_t window =
      from.optional_int("repeat_last_n", -1, kMaxInt).value_or(kPenaltyWindow);
  if (window == 0) {
    for (const char* penalty : {"repetition_penalty", "presence_penalty", "frequency_penalty"}) {
      options.erase(penalty);
    }
    return;
  }
  for (const char* size :
       {"repetition_context_size", "presence_context_size", "frequency_context_size"}) {
    options[size] = window < 0 ? kMaxInt : window;
  }
}

}  // namespace

void copy_sampler(const JsonReader& from, Json& options) {
  for (const std::string_view field : kSameFields) {
    if (from.has(field)) {
      options[std::string(field)] = from.value(field);
    }
  }
  copy_penalties(from, options);
  if (const auto seed = from.optional_int("seed", -kMaxInt, kRandomSeed);
      seed && *seed >= 0 && *seed < kRandomSeed) {
    options["seed"] = *seed;
  }
  if (from.optional_int("mirostat", 0, 2).value_or(0) != 0) {
    refuse_unsupported(from.path_of("mirostat"), "leave it out or send 0");
  }
  if (from.optional_number("dynatemp_range", 0.0, 100.0).value_or(0.0) != 0.0) {
    refuse_unsupported(from.path_of("dynatemp_range"), "leave it out or send 0");
  }
}

std::span<const FieldName> sampler_names() {
  return kNames;
}

}  // namespace hub::api
