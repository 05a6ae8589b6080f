// hub_train_rank SETTINGS RESULT: trains a tiny model as one rank of the group that the environment
// names (MLX_RANK, MLX_HOSTFILE; without: alone), and writes what this rank saw. Both are JSON
// files.
#include <cmath>
#include <fstream>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/train/gradient_buckets.h"
#include "core/train/process_group.h"
#include "core/train/train_state.h"
#include "core/train/trainer.h"
#include "tests/unit/train/pairs.h"
#include "tests/unit/train/poisoned.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

using base::Json;

// A rank whose peer is gone would wait for ever.
constexpr unsigned kLongestSeconds = 120;

// Parts of different sizes and types, each the rank's number plus its own.
Json bucket_sums(const ProcessGroup& group, std::size_t bucket_bytes, Evaluation evaluation) {
  const auto base = static_cast<float>(group.rank() + 1);
  std::vector<mx::array> arrays = {
      mx::full({3, 4}, base),
      mx::full({5}, base + 0.5F),
      mx::astype(mx::full({2, 2, 2}, base), mx::float16),
      mx::array(base * 100.0F)};
  mx::eval(arrays);
  Json sums = Json::array();
  for (const mx::array& sum : all_sum(group, std::move(arrays), evaluation, bucket_bytes)) {
    const mx::array floats = mx::astype(sum, mx::float32);
    sums.push_back(
        {{"shape", sum.shape()},
         {"is_half", sum.dtype() == mx::float16},
         {"values", values_of(mx::reshape(floats, {-1}))}});
  }
  return sums;
}

std::unique_ptr<Trainable> trained(
    const models::LanguageModel& model,
    const model_config::FinetuneParams& params,
    const Json& settings,
    int rank) {
  const int bad_rank = settings.value("poisoned_rank", -1);
  const int bad_batch = settings.value("poisoned_batch", 0);
  return std::make_unique<Poisoned>(make_adapter(model, params, params.seed), [=](int batch) {
    return rank == bad_rank && batch == bad_batch;
  });
}

void record(TrainHooks& hooks, Json& seen) {
  hooks.reported = [&seen](const StepReport& report) {
    seen["losses"].push_back(report.train_loss);
    seen["norms"].push_back(report.grad_norm);
    seen["ranks"] = report.ranks;
    seen["input_tokens_per_trained"] = report.input_tokens_per_second / report.tokens_per_second;
  };
  hooks.evaluated = [&seen](const EvalReport& report) {
    seen["evaluations"].push_back(report.result.loss);
    seen["evaluated_rows"] = report.result.rows;
  };
  hooks.skipped = [&seen](const SkippedStep& step) { seen["skipped"].push_back(step.step); };
}

// The training up to step `settings.resume_at`, where rank 0 saves it and all stop.
void interrupt(
    TrainHooks hooks, const ProcessGroup& group, const Json& settings, const auto& make) {
  bool saved = false;
  hooks.checkpoint = [&](const TrainState& state, const Trainable& /*trained*/) {
    saved = true;
    if (group.leads()) {
      save_state(settings.at("state_file").get<std::string>(), state);
    }
  };
  hooks.poll = [&](int step) {
    if (step < settings.at("resume_at").get<int>()) {
      return Command::kContinue;
    }
    return saved ? Command::kStop : Command::kCheckpoint;
  };
  try {
    Trainer trainer = make(hooks);
    trainer.run();
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kCancelled) {
      throw;
    }
  }
  static_cast<void>(group.sum(1.0));  // the file is written
}

Json run(const Json& settings) {
  const ProcessGroup group =
      ::getenv("MLX_RANK") == nullptr ? ProcessGroup() : ProcessGroup::join("ring");
  Json seen = {{"rank", group.rank()}, {"size", group.size()}, {"error", ""}};
  if (settings.contains("bucket_bytes")) {
    seen["sums"] = bucket_sums(
        group,
        settings.at("bucket_bytes").get<std::size_t>(),
        settings.at("later").get<bool>() ? Evaluation::kLater : Evaluation::kAtOnce);
    seen["added"] = group.sum(0.1 * (group.rank() + 1));
    seen["first"] = group.first({std::nextafter(1.0 + group.rank(), 2.0)}).front();
    return seen;
  }
  auto params = tiny_params();
  params.eval_every = settings.value("eval_every", 0);
  params.max_grad_norm = settings.value("max_grad_norm", 0.0);
  params.grad_accumulation_steps = settings.value("grad_accumulation_steps", 1);
  params.learning_rate = settings.value("learning_rate", 1e-4);
  params.epochs = settings.value("epochs", 1);
  params.compat = settings.value("compat", false);
  params.dropout = settings.value("dropout", 0.0);
  params.optimizer =
      model_config::OptimizerParams::defaults(settings.value("optimizer", std::string("adamw")));
  const TinyModel model;
  TrainHooks hooks;
  record(hooks, seen);
  const int stop_at = settings.value("stop_at", -1);
  hooks.poll = [&group, stop_at](int step) {
    // Rank 0's word, as api/worker/rank_group.cpp passes it on.
    const bool stops = group.leads() && step == stop_at;
    return group.first({stops ? 1.0 : 0.0}).front() > 0.0 ? Command::kStop : Command::kContinue;
  };
  int batch_size = settings.at("batch_size").get<int>();
  if (group.rank() == 1) {
    batch_size = settings.value("batch_size_of_rank_1", batch_size);
  }
  params.objective = settings.value("objective", std::string("sft"));
  const auto rows_of = [&params](std::size_t count) {
    return params.objective == "sft" ? counting_rows(count) : separable_pairs(count);
  };
  const auto rows = rows_of(settings.at("rows").get<std::size_t>());
  const auto held_out = rows_of(settings.value("held_out", std::size_t{0}));
  const auto make = [&](const TrainHooks& chosen) {
    return Trainer(
        model.get(),
        trained(model.get(), params, settings, group.rank()),
        {rows, held_out},
        params,
        batch_size,
        chosen,
        group);
  };
  if (settings.contains("resume_at")) {
    interrupt({}, group, settings, make);
  }
  Trainer trainer = make(hooks);
  trainer.set_builds_ahead(settings.value("builds_ahead", false));
  seen["before"] = flat(trainer.trained());
  if (settings.contains("resume_at")) {
    trainer.restore(load_state(settings.at("state_file").get<std::string>()).value());
  }
  try {
    const TrainResult result = trainer.run();
    seen["steps"] = result.steps;
    seen["trained_tokens"] = result.trained_tokens;
  } catch (const base::Error& error) {
    seen["error"] = error.reason() + ": " + error.what();
  }
  seen["after"] = flat(trainer.trained());
  return seen;
}

}  // namespace
}  // namespace hub::train

int main(int argc, char** argv) {
  ::alarm(hub::train::kLongestSeconds);
  if (argc != 3) {
    return 2;
  }
  const auto settings = hub::base::parse_json(hub::base::read_file(argv[1]), "settings");
  std::ofstream(argv[2]) << hub::train::run(settings).dump();
  return 0;
}
