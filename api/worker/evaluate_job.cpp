#include "api/worker/evaluate_job.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "api/worker/memory_event.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/model_config/memory_estimate.h"
#include "core/models/language_model.h"
#include "core/models/model_tensors.h"
#include "core/train/evaluate.h"

namespace hub::api {
namespace {

using base::Json;
using base::JsonReader;

constexpr int kLargestBatch = 8;
constexpr double kSecondsBetweenEvents = 0.5;

struct EvaluateParams {
  std::optional<std::size_t> max_rows;
  int max_seq_length = 2048;
  std::optional<int> batch_size;
  bool train_on_prompt = false;  // true: prompts count in the loss too
};

EvaluateParams read_params(const JobSpec& spec) {
  const Json json = base::parse_json(spec.params, "params");
  const JsonReader reader(json, "params");
  reader.refuse_unknown({"max_rows", "max_seq_length", "batch_size", "train_on_prompt"});
  EvaluateParams params;
  if (const auto rows = reader.optional_int("max_rows", 1, INT64_MAX)) {
    params.max_rows = static_cast<std::size_t>(*rows);
  }
  params.max_seq_length = static_cast<int>(
      reader.optional_int("max_seq_length", 2, 1 << 20).value_or(params.max_seq_length));
  if (const auto size = reader.optional_int("batch_size", 1, 4096)) {
    params.batch_size = static_cast<int>(*size);
  }
  params.train_on_prompt = reader.optional_bool("train_on_prompt").value_or(false);
  return params;
}

std::filesystem::path file_to_measure(const JobSpec& spec) {
  const data::DatasetFiles files = data::dataset_files(spec.dataset_path);
  return files.test ? *files.test : files.valid ? *files.valid : files.train;
}

// Without gradients a batch needs far less than the estimate for training it, so what fits there
// fits here.
int pick_batch_size(
    const JobSpec& spec,
    const EvaluateParams& params,
    const models::LanguageModel& model,
    const std::vector<data::Example>& examples) {
  if (params.batch_size) {
    return *params.batch_size;
  }
  std::size_t longest = 2;
  for (const data::Example& example : examples) {
    longest = std::max(longest, example.tokens.size());
  }
  int size = kLargestBatch;
  while (size > 1 && spec.memory_limit_bytes > 0 &&
         model_config::finetune_bytes(
             model.config(), model.weight_bytes(), {}, size, static_cast<int>(longest)) >
             spec.memory_limit_bytes) {
    size /= 2;
  }
  return size;
}

// The base with the whole weights of a full fine-tuning in place.
std::unique_ptr<models::LanguageModel> load_trained(
    const std::filesystem::path& base_folder, const std::filesystem::path& weights_folder) {
  models::ModelTensors tensors = models::load_tensors(base_folder);
  models::load_full_weights(weights_folder, tensors);
  return models::make_model(tensors);
}

}  // namespace

Json run_evaluate(const JobSpec& spec, JobControl& control, const EmitEvent& emit) {
  const EvaluateParams params = read_params(spec);
  const auto builder = data::ExampleBuilder::load(
      spec.base_folder,
      {.max_seq_length = params.max_seq_length, .train_on_prompt = params.train_on_prompt});
  const auto file = file_to_measure(spec);
  // The data set's digest is that of its training file.
  const bool is_train = file == data::dataset_files(spec.dataset_path).train;
  auto examples = load_examples(file, is_train ? spec.dataset_digest : "", builder, emit).examples;
  if (params.max_rows && examples.size() > *params.max_rows) {
    examples.resize(*params.max_rows);
  }
  control.check();
  const bool full = spec.adapter_folder && models::holds_full_weights(*spec.adapter_folder);
  const auto model = full ? load_trained(spec.base_folder, *spec.adapter_folder)
                          : models::load_model(spec.base_folder);
  std::optional<nn::LoraAdapter> adapter;
  if (spec.adapter_folder && !full) {
    adapter = models::load_adapter(*spec.adapter_folder, *model);
  }
  emit("ready", {{"weight_bytes", model->weight_bytes()}, {"pid", ::getpid()}});

  const double start = base::steady_seconds();
  double last_event = -1e9;
  const auto keep_going = [&](std::size_t rows_done) {
    const double now = base::steady_seconds();
    if (now - last_event >= kSecondsBetweenEvents) {
      last_event = now;
      Json progress = {{"step", rows_done}, {"total", examples.size()}, {"eta_seconds", nullptr}};
      if (rows_done > 0) {
        const double share = static_cast<double>(rows_done) / static_cast<double>(examples.size());
        progress["eta_seconds"] = (now - start) * (1.0 - share) / share;
      }
      emit("progress", progress);
    }
    return control.next() != train::Command::kStop;
  };
  const train::EvalResult result = train::evaluate(
      *model,
      adapter ? &*adapter : nullptr,
      examples,
      pick_batch_size(spec, params, *model, examples),
      {.max_tokens = params.max_seq_length},
      keep_going);
  emit("progress", {{"step", examples.size()}, {"total", examples.size()}, {"eta_seconds", 0.0}});
  emit("memory", memory_event());
  return {
      {"loss", result.loss},
      {"perplexity", result.perplexity},
      {"tokens", result.tokens},
      {"rows", result.rows},
      {"seconds", base::steady_seconds() - start}};
}

}  // namespace hub::api
