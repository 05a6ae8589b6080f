#include "api/worker/conversion_check.h"

#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/clock.h"
#include "core/model_config/conversion_estimate.h"
#include "core/model_config/text_part.h"
#include "core/models/language_model.h"
#include "core/tensor/ops.h"
#include "core/text/tokenizer.h"

namespace hub::api {
namespace {

using base::Json;

constexpr double kSecondsBetweenEvents = 0.5;

// Prose, arithmetic, code, another language: what a chat model meets.
constexpr std::array<const char*, model_config::kCheckTexts> kTexts{
    "The river rises in the mountains, crosses a wide plain and reaches the sea near an old "
    "harbour "
    "town, where the fishermen mend their nets in the morning and sell their catch at noon.",
    "Question: A train leaves at 9:40 and arrives at 12:05. How long does the journey take?\n"
    "Answer: From 9:40 to 12:05 it takes two hours and twenty-five minutes.",
    "def mean(values):\n    \"\"\"The arithmetic mean of a list of numbers.\"\"\"\n    if not "
    "values:\n"
    "        raise ValueError(\"an empty list has no mean\")\n    return sum(values) / "
    "len(values)\n",
    "Water boils at 100 degrees Celsius at sea level. On a high mountain the air pressure is "
    "lower, "
    "so that it boils at a lower temperature and food takes longer to cook.",
    "Der Fluss entspringt in den Bergen und mündet ins Meer. La rivière naît dans les montagnes et "
    "se jette dans la mer.",
    "To make bread you need flour, water, salt and yeast. Mix them, let the dough rise for an "
    "hour, "
    "shape a loaf, let it rise again, and bake it in a hot oven until it sounds hollow."};

Json as_json(const convert::LogitDifference& difference) {
  return {
      {"logit_tokens", difference.tokens},
      {"logit_max_abs", difference.max_abs},
      {"logit_mean_kl", difference.mean_kl},
      {"top1_agreement", difference.top1_agreement},
      {"perplexity_before", difference.perplexity_before},
      {"perplexity_after", difference.perplexity_after}};
}

}  // namespace

ConversionCheck::ConversionCheck(const JobSpec& spec, bool wanted, const EmitEvent& emit)
    : spec_(spec), emit_(emit) {
  if (!wanted) {
    return;
  }
  if (!std::filesystem::exists(spec.base_folder / "tokenizer.json")) {
    say("the logits are not compared: the model has no tokenizer");
    return;
  }
  if (!fits(spec.base_folder)) {
    return;
  }
  load_texts();
  const auto model = models::load_model(spec.base_folder);
  std::optional<nn::LoraAdapter> adapter;
  if (spec.adapter_folder) {
    adapter = models::load_adapter(*spec.adapter_folder, *model);
  }
  before_ = convert::text_logits(*model, adapter ? &*adapter : nullptr, texts_);
}

Json ConversionCheck::compare(const std::filesystem::path& folder) const {
  if (before_.empty() || !fits(folder)) {
    return Json::object();
  }
  const auto model = models::load_model(folder);
  return as_json(convert::compare_logits(before_, *model, texts_));
}

bool ConversionCheck::fits(const std::filesystem::path& folder) const {
  const auto config = model_config::ModelConfig::load(folder);
  const auto files = model_config::read_text_weights(folder, config);
  const std::uint64_t weights = tensor::default_device_is_gpu() ? model_config::tensor_bytes(files)
                                                                : model_config::loaded_bytes(files);
  const std::uint64_t needed = model_config::check_bytes(config, weights);
  if (spec_.memory_limit_bytes > 0 && needed > spec_.memory_limit_bytes) {
    say(fmt::format(
        "the logits are not compared: loading {} needs about {} MB and {} MB were granted",
        folder.filename().string(),
        needed / 1'000'000,
        spec_.memory_limit_bytes / 1'000'000));
    return false;
  }
  return true;
}

void ConversionCheck::load_texts() {
  constexpr auto wanted_tokens = static_cast<std::size_t>(model_config::kCheckTextTokens);
  if (!spec_.dataset_path.empty()) {
    const auto builder = data::ExampleBuilder::load(
        spec_.base_folder, {.max_seq_length = model_config::kCheckTextTokens});
    load_examples(
        data::dataset_files(spec_.dataset_path).train,
        spec_.dataset_digest,
        builder,
        emit_,
        [this](const data::Example& example) {
          if (texts_.size() < model_config::kCheckTexts) {
            texts_.push_back(example.tokens);
          }
        });
    return;
  }
  const auto tokenizer = text::Tokenizer::load(spec_.base_folder);
  for (const char* text : kTexts) {
    texts_.push_back(tokenizer->encode(text, true));
    if (texts_.back().size() > wanted_tokens) {
      texts_.back().resize(wanted_tokens);
    }
  }
}

void ConversionCheck::say(const std::string& message) const {
  emit_("log", {{"level", "info"}, {"message", message}});
}

ConversionProgress::ConversionProgress(JobControl& control, const EmitEvent& emit)
    : control_(control), emit_(emit), start_(base::steady_seconds()) {}

bool ConversionProgress::operator()(std::uint64_t done, std::uint64_t total) {
  const double now = base::steady_seconds();
  if (now - last_ >= kSecondsBetweenEvents) {
    last_ = now;
    Json progress = {{"step", done}, {"total", total}, {"eta_seconds", nullptr}};
    if (done > 0) {
      const double share = static_cast<double>(done) / static_cast<double>(total);
      progress["eta_seconds"] = (now - start_) * (1.0 - share) / share;
    }
    emit_("progress", progress);
  }
  return control_.next() != train::Command::kStop;
}

}  // namespace hub::api
