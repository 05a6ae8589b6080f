#include "api/worker/evaluate_job.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "api/worker/exact_match.h"
#include "api/worker/memory_event.h"
#include "api/worker/multiple_choice.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/model_config/evaluate_params.h"
#include "core/model_config/memory_estimate.h"
#include "core/models/language_model.h"
#include "core/models/model_tensors.h"
#include "core/train/batch_size.h"
#include "core/train/evaluate.h"

namespace hub::api {
namespace {

using base::Json;

constexpr int kLargestBatch = 8;
constexpr double kSecondsBetweenEvents = 0.5;

using model_config::EvaluateParams;

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
             model.config(),
             model.weight_bytes(),
             {},
             size,
             static_cast<int>(longest),
             train::activations_here()) > spec.memory_limit_bytes) {
    size /= 2;
  }
  return size;
}

// At most params.max_rows.
template <typename Row>
std::vector<Row> cut(std::vector<Row> rows, const EvaluateParams& params) {
  if (params.max_rows && rows.size() > static_cast<std::size_t>(*params.max_rows)) {
    rows.resize(static_cast<std::size_t>(*params.max_rows));
  }
  return rows;
}

// Progress in rows, at most two events a second; false once the job is to stop.
class RowProgress {
 public:
  RowProgress(std::size_t total, JobControl& control, const EmitEvent& emit)
      : total_(total), control_(control), emit_(emit), start_(base::steady_seconds()) {}

  bool operator()(std::size_t done) {
    const double now = base::steady_seconds();
    if (now - last_ >= kSecondsBetweenEvents) {
      last_ = now;
      Json progress = {{"step", done}, {"total", total_}, {"eta_seconds", nullptr}};
      if (done > 0) {
        const double share = static_cast<double>(done) / static_cast<double>(total_);
        progress["eta_seconds"] = (now - start_) * (1.0 - share) / share;
      }
      emit_("progress", progress);
    }
    return control_.next() != train::Command::kStop;
  }
  void finish() { emit_("progress", {{"step", total_}, {"total", total_}, {"eta_seconds", 0.0}}); }

 private:
  std::size_t total_;
  JobControl& control_;
  const EmitEvent& emit_;
  double start_;
  double last_ = -1e9;
};

// The model with its adapter, if any; says that it is ready.
struct Loaded {
  Loaded(const JobSpec& spec, const EmitEvent& emit) {
    const bool full = spec.adapter_folder && models::holds_full_weights(*spec.adapter_folder);
    model = full ? models::load_finetuned_model(spec.base_folder, *spec.adapter_folder)
                 : models::load_model(spec.base_folder);
    if (spec.adapter_folder && !full) {
      adapter = models::load_adapter(*spec.adapter_folder, *model);
    }
    emit("ready", {{"weight_bytes", model->weight_bytes()}, {"pid", ::getpid()}});
  }
  [[nodiscard]] const nn::LoraAdapter* adapter_or_null() const {
    return adapter ? &*adapter : nullptr;
  }

  std::unique_ptr<models::LanguageModel> model;
  std::optional<nn::LoraAdapter> adapter;
};

Json measure_loss(
    const JobSpec& spec,
    const EvaluateParams& params,
    const std::vector<data::Example>& examples,
    RowProgress& progress,
    const EmitEvent& emit) {
  const Loaded loaded(spec, emit);
  const train::EvalResult result = train::evaluate(
      *loaded.model,
      loaded.adapter_or_null(),
      examples,
      pick_batch_size(spec, params, *loaded.model, examples),
      {.max_tokens = params.max_seq_length},
      std::ref(progress));
  return {
      {"loss", result.loss},
      {"perplexity", result.perplexity},
      {"tokens", result.tokens},
      {"rows", result.rows}};
}

Json measure_choices(
    const JobSpec& spec,
    const EvaluateParams& params,
    const std::filesystem::path& file,
    const data::ExampleBuilder& builder,
    JobControl& control,
    const EmitEvent& emit) {
  const auto questions = cut(choice_questions(data::read_dataset(file), builder), params);
  if (questions.empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable, "the data set has no row", "dataset", "empty_dataset");
  }
  control.check();
  const Loaded loaded(spec, emit);
  RowProgress progress(questions.size(), control, emit);
  Json result = measure_multiple_choice(
      *loaded.model,
      loaded.adapter_or_null(),
      questions,
      params.max_seq_length,
      std::ref(progress));
  progress.finish();
  return result;
}

Json measure_examples(
    const JobSpec& spec,
    const EvaluateParams& params,
    const std::filesystem::path& file,
    const data::ExampleBuilder& builder,
    JobControl& control,
    const EmitEvent& emit) {
  if (params.task == "exact_match" && data::read_dataset(file).format() == "text") {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        "exact_match needs rows with an answer behind a prompt, these are texts",
        "dataset",
        "dataset_format");
  }
  // The data set's digest is that of its training file.
  const bool is_train = file == data::dataset_files(spec.dataset_path).train;
  const auto examples =
      cut(load_examples(file, is_train ? spec.dataset_digest : "", builder, emit), params);
  control.check();
  RowProgress progress(examples.size(), control, emit);
  Json result = params.task == "exact_match"
                    ? measure_exact_match(
                          spec, params, examples, builder.tokenizer(), emit, std::ref(progress))
                    : measure_loss(spec, params, examples, progress, emit);
  progress.finish();
  return result;
}

}  // namespace

Json run_evaluate(const JobSpec& spec, JobControl& control, const EmitEvent& emit) {
  const double start = base::steady_seconds();
  const auto params = EvaluateParams::from_json(base::parse_json(spec.params, "params"), "params");
  const auto builder = data::ExampleBuilder::load(
      spec.base_folder,
      {.max_seq_length = params.max_seq_length,
       .train_on_prompt = params.train_on_prompt && params.task == "loss"});
  const auto file = file_to_measure(spec);
  Json result = params.task == "multiple_choice"
                    ? measure_choices(spec, params, file, builder, control, emit)
                    : measure_examples(spec, params, file, builder, control, emit);
  emit("memory", memory_event());
  result["seconds"] = base::steady_seconds() - start;
  return result;
}

}  // namespace hub::api
