#include "api/worker/finetune_job.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "api/worker/memory_event.h"
#include "api/worker/rank_group.h"
#include "api/worker/training_events.h"
#include "api/worker/training_samples.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/data/example_store.h"
#include "core/data/packing.h"
#include "core/data/split.h"
#include "core/model_config/finetune_params.h"
#include "core/models/language_model.h"
#include "core/models/model_tensors.h"
#include "core/tensor/ops.h"
#include "core/train/batch_size.h"
#include "core/train/checkpoint.h"
#include "core/train/full_weights.h"
#include "core/train/lora.h"
#include "core/train/train_state.h"

namespace hub::api {
namespace {

using base::Json;
using model_config::FinetuneParams;

constexpr std::uint64_t kLargestCache = 1ULL << 30U;
constexpr std::uint64_t kLargestGpuCache = 4ULL << 30U;

void log_info(const EmitEvent& emit, const std::string& message) {
  emit("log", {{"level", "info"}, {"message", message}});
}

FinetuneParams read_params(const JobSpec& spec) {
  const Json json = base::parse_json(spec.params, "params");
  FinetuneParams params = FinetuneParams::from_json(json, "params");
  if (spec.seed) {
    params.seed = *spec.seed;
  }
  return params;
}

// The rows of a file, tokenized into one beside the job's results: memory does not grow with them.
data::Examples stored_examples(
    const std::filesystem::path& file,
    const std::string& expected_digest,
    const data::ExampleBuilder& builder,
    const JobSpec& spec,
    const EmitEvent& emit) {
  std::filesystem::create_directories(spec.output_folder);
  auto store = std::make_shared<data::ExampleStore>(spec.output_folder);
  load_examples(file, expected_digest, builder, emit, [&store](const data::Example& example) {
    store->add(example);
  });
  store->finish();
  return data::Examples(std::move(store));
}

data::Examples packed(data::Examples rows, const FinetuneParams& params, const EmitEvent& emit) {
  if (!params.packing) {
    return rows;
  }
  std::vector<std::size_t> lengths;
  lengths.reserve(rows.size());
  for (const data::RowCounts& row : rows.counts()) {
    lengths.push_back(row.tokens);
  }
  data::Examples joined = rows.join(data::pack_rows(lengths, params.max_seq_length));
  log_info(
      emit,
      fmt::format(
          "{} rows are packed into {} of at most {} tokens",
          rows.size(),
          joined.size(),
          params.max_seq_length));
  return joined;
}

train::TrainData load_data(
    const JobSpec& spec, const FinetuneParams& params, const EmitEvent& emit) {
  const auto builder = data::ExampleBuilder::load(
      spec.base_folder,
      {.max_seq_length = params.max_seq_length,
       .train_on_prompt = params.train_on_prompt,
       .objective = params.objective});
  const data::DatasetFiles files = data::dataset_files(spec.dataset_path);
  auto all = stored_examples(files.train, spec.dataset_digest, builder, spec, emit);
  const auto valid_file = spec.valid_path ? spec.valid_path : files.valid;
  if (valid_file) {
    return {
        packed(std::move(all), params, emit),
        stored_examples(*valid_file, "", builder, spec, emit)};
  }
  if (params.eval_every == 0) {
    return {packed(std::move(all), params, emit), {}};
  }
  const data::Split split = data::split_rows(all.size(), params.eval_fraction, params.seed);
  log_info(
      emit,
      fmt::format(
          "{} rows to train on, {} held out by seed {}",
          split.train.size(),
          split.eval.size(),
          params.seed));
  return {packed(all.pick(split.train), params, emit), all.pick(split.eval)};
}

// Freed activations are reused from step to step, so that pages need not be zeroed anew each time.
// MLX bounds what it keeps, not what it has in all: with so much kept, the peak of the arrays and
// what is kept beside it stay within the limit.
void limit_cache(const JobSpec& spec, std::uint64_t peak_bytes) {
  std::uint64_t bytes = tensor::default_device_is_gpu() ? kLargestGpuCache : kLargestCache;
  if (spec.memory_limit_bytes > 0) {
    const std::uint64_t room =
        spec.memory_limit_bytes > peak_bytes ? spec.memory_limit_bytes - peak_bytes : 0;
    bytes = std::min(bytes, room);
  }
  tensor::set_cache_limit(static_cast<std::size_t>(bytes));
  // On a GPU, where evaluation runs ahead of the device, no more is allocated than the job was
  // given; MLX then waits for work to end, and gives back what it keeps.
  if (tensor::default_device_is_gpu() && spec.memory_limit_bytes > 0) {
    tensor::set_memory_limit(static_cast<std::size_t>(spec.memory_limit_bytes));
  }
}

// Settles params.batch_size and what an automatic one means for the accumulation. The same batches
// as in an earlier attempt, whatever memory there is now: else the result would differ.
void settle_batches(
    const JobSpec& spec,
    FinetuneParams& params,
    const models::LanguageModel& model,
    const train::TrainData& data,
    std::optional<int> earlier,
    const EmitEvent& emit) {
  std::vector<data::RowCounts> rows = data.train.counts();
  const std::vector<data::RowCounts> held_out = data.valid.counts();
  rows.insert(rows.end(), held_out.begin(), held_out.end());
  const auto choice = train::choose_batch_size(
      model.config(),
      model.weight_bytes(),
      params,
      data::RowSizes(rows),
      spec.memory_limit_bytes,
      earlier);
  log_info(emit, choice.reason);
  limit_cache(spec, choice.memory.total());
  params.batch_size = choice.batch_size;
  params.grad_accumulation_steps *= choice.accumulation;
}

// The model that is trained over, or trained itself; then its arrays, too.
struct Base {
  std::shared_ptr<const models::ModelTensors> tensors;  // of full fine-tuning only
  std::unique_ptr<models::LanguageModel> model;
};

Base load_base(const JobSpec& spec, const FinetuneParams& params) {
  const bool full = params.method == "full";
  if (spec.adapter_folder && models::holds_full_weights(*spec.adapter_folder) != full) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        full ? "method full goes on from whole weights, and this is an adapter beside them: merge "
               "it first"
             : "this version holds whole weights of a full fine-tuning: only method full goes on "
               "from it",
        "params.method");
  }
  if (!full) {
    return {nullptr, models::load_model(spec.base_folder)};
  }
  auto tensors = std::make_shared<models::ModelTensors>(models::load_tensors(spec.base_folder));
  if (spec.adapter_folder) {
    models::load_full_weights(*spec.adapter_folder, *tensors);
  }
  auto model = models::make_model(*tensors);
  return {std::move(tensors), std::move(model)};
}

std::unique_ptr<train::Trainable> start_training(
    const JobSpec& spec, const FinetuneParams& params, const Base& base, const EmitEvent& emit) {
  const models::LanguageModel& model = *base.model;
  if (params.grad_checkpoint && model.config().gemma4) {  // its layers share keys and values
    throw base::Error(
        base::ErrorCode::kNotImplemented,
        "grad_checkpoint is not available for gemma4_text: a smaller batch_size or max_seq_length "
        "saves memory, too",
        "params.grad_checkpoint");
  }
  if (base.tensors) {
    return std::make_unique<train::TrainableWeights>(
        train::make_full_weights(base.tensors, params));
  }
  if (!spec.adapter_folder) {
    return std::make_unique<train::TrainableAdapter>(
        train::make_adapter(model, params, params.seed));
  }
  auto adapter =
      train::continue_adapter(models::load_adapter(*spec.adapter_folder, model), model, params);
  log_info(
      emit,
      fmt::format(
          "goes on from a {} adapter of rank {} and scale {:g} over {} modules, which hold instead "
          "of the params' method, rank, scale, target_modules and num_layers",
          adapter.dora ? "dora" : "lora",
          adapter.rank,
          adapter.scale,
          adapter.modules.size()));
  return std::make_unique<train::TrainableAdapter>(std::move(adapter));
}

Json lineage(const JobSpec& spec, const FinetuneParams& params) {
  return {
      {"model", spec.base_name},
      {"mlx_model_hub",
       {{"job_id", spec.job_id},
        {"base_digest", spec.base_digest},
        {"dataset_digest", spec.dataset_digest},
        {"params", params.to_json()}}}};
}

// What decides a training's course: a state goes on only with the same.
std::string state_fingerprint(const JobSpec& spec, const FinetuneParams& params) {
  return base::sha256_hex(
      Json{
          {"base", spec.base_digest},
          {"dataset", spec.dataset_digest},
          {"adapter", spec.adapter_folder ? spec.adapter_folder->string() : ""},
          {"params", params.to_json()}}
          .dump());
}

// Where an earlier attempt of this job came to. One that cannot be used is no reason to fail: the
// job begins anew, and says so.
std::optional<train::TrainState> saved_state(
    const std::filesystem::path& file, const std::string& fingerprint, const EmitEvent& emit) {
  try {
    auto state = train::load_state(file);
    if (!state || state->fingerprint == fingerprint) {
      return state;
    }
    log_info(emit, "begins anew: the saved state is of other data or params");
  } catch (const base::Error& error) {
    log_info(emit, fmt::format("begins anew: {}", error.what()));
  }
  return std::nullopt;
}

void save_checkpoint(
    const train::Checkpoints& checkpoints,
    const std::filesystem::path& state_file,
    const train::TrainState& state,
    const train::Trainable& trained,
    const EmitEvent& emit) {
  const double began = base::steady_seconds();
  checkpoints.save(state.step, trained);
  train::save_state(state_file, state);
  emit(
      "checkpoint",
      {{"step", state.step},
       {"folder", checkpoints.folder().string()},
       {"seconds", base::steady_seconds() - began}});
}

Json optional_json(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

Json run_finetune(const JobSpec& spec, JobControl& control, const EmitEvent& emit) {
  FinetuneParams params = read_params(spec);
  // First of all: whoever waits too long for the others gives up.
  const train::ProcessGroup group = join_ranks(spec.distributed, params.data_parallel, emit);
  train::TrainData data = load_data(spec, params, emit);
  control.check();
  tensor::set_cache_limit(0);  // until the batches are known
  const Base base_model = load_base(spec, params);
  const auto& model = base_model.model;
  emit("ready", {{"weight_bytes", model->weight_bytes()}, {"pid", ::getpid()}});
  control.check();

  const std::string fingerprint = state_fingerprint(spec, params);
  const auto state_file = spec.output_folder / "state.safetensors";
  auto saved = saved_state(state_file, fingerprint, emit);
  const Json extra = lineage(spec, params);  // as asked
  settle_batches(
      spec, params, *model, data, saved ? saved->batch_size : spec.settled_batch_size, emit);
  const train::Checkpoints checkpoints(
      spec.output_folder / "checkpoints", *model, extra, params.keep_checkpoints);
  const auto adapter_folder = spec.output_folder / "adapter";
  TrainingEvents events(emit);

  train::TrainHooks hooks;
  hooks.reported = [&](const train::StepReport& report) { events.reported(report); };
  hooks.evaluated = [&](const train::EvalReport& report) { events.evaluated(report); };
  std::optional<TrainingSamples> samples;
  if (!params.sample_prompts.empty()) {
    samples.emplace(spec, params, model->config());
    hooks.sample = [&](int step, const train::PlacedModel& placed, const train::KeepGoing& go_on) {
      samples->draw(step, placed, go_on, emit);
    };
  }
  hooks.skipped = [&](const train::SkippedStep& skipped) { events.skipped(skipped); };
  hooks.last_checkpoint = [&] { return saved_state(state_file, fingerprint, emit); };
  hooks.best = [&](int step, const train::Trainable& trained) {
    checkpoints.save_best(trained);
    log_info(emit, fmt::format("step {} is the best so far", step));
  };
  hooks.log = [&](const std::string& message) { log_info(emit, message); };
  hooks.poll = [&](int step) {
    events.polled(step);
    return next_command(group, control);
  };
  hooks.finished = [&](int /*step*/, const train::Trainable& trained) {
    train::save_result(adapter_folder, trained, *model, extra);
  };
  hooks.checkpoint = [&](train::TrainState state, const train::Trainable& trained) {
    state.fingerprint = fingerprint;
    save_checkpoint(checkpoints, state_file, state, trained, emit);
  };
  if (!group.leads()) {
    follow(hooks);
  }
  train::Trainer trainer(
      *model,
      start_training(spec, params, base_model, emit),
      std::move(data),
      params,
      *params.batch_size,
      std::move(hooks),
      group);
  if (saved) {
    const int step = saved->step;
    trainer.restore(std::move(*saved));
    log_info(emit, fmt::format("goes on after step {} of {}", step, trainer.total_steps()));
  }
  events.started(trainer.step(), trainer.total_steps());
  const train::TrainResult result = trainer.run();
  emit("memory", memory_event());
  return {
      {"adapter_folder", adapter_folder.string()},
      {"steps", result.steps},
      {"best_step", result.best_step},
      {"skipped_steps", result.skipped_steps},
      {"stop_reason", to_string(result.end)},
      {"train_loss", result.train_loss},
      {"eval_loss_before", optional_json(result.eval_loss_before)},
      {"eval_loss_after", optional_json(result.eval_loss_after)},
      {"trained_tokens", result.trained_tokens},
      {"batch_size", *params.batch_size},
      {"grad_accumulation_steps", params.grad_accumulation_steps},
      {"ranks", group.size()},
      {"seconds", result.seconds},
      {"peak_memory_bytes", result.peak_memory_bytes}};
}

}  // namespace hub::api
