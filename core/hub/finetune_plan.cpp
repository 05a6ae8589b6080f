#include "core/hub/finetune_plan.h"

#include <algorithm>
#include <vector>

#include "core/data/packing.h"
#include "core/data/split.h"
#include "core/hub/finetune_estimate.h"
#include "core/hub/finetune_rows.h"
#include "core/model_config/conversion_estimate.h"
#include "core/model_config/text_part.h"

namespace hub::hub {
namespace {

using model_config::FinetuneParams;

std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b) {
  return (a + b - 1) / b;
}

// As api/worker/finetune_job.cpp parts them.
void count_rows(FinetunePlan& plan, const FinetuneRows& all, const FinetuneParams& params) {
  std::vector<data::RowCounts> rows = all.train;
  plan.skipped_rows = all.skipped;
  if (all.valid) {
    plan.eval_rows = all.valid->size();
  } else if (params.eval_every > 0) {
    const data::Split split = data::split_rows(rows.size(), params.eval_fraction, params.seed);
    plan.eval_rows = split.eval.size();
    rows.clear();
    for (const std::size_t row : split.train) {
      rows.push_back(all.train[row]);
    }
  }
  plan.rows = rows.size();
  for (const data::RowCounts& row : rows) {
    plan.tokens += row.all_tokens();
    plan.trained_tokens += row.all_trained();
  }
  plan.packed_rows =
      params.packing ? data::packed_counts(rows, params.max_seq_length).size() : plan.rows;
}

struct Batches {
  int size = 1;
  int accumulation = 1;
};

// As train/batch_size.cpp chooses them.
Batches automatic_batches(
    const FinetuneEstimate& estimate,
    FinetuneParams params,
    std::uint64_t all_rows,
    std::uint64_t limit_bytes) {
  const int wanted = model_config::automatic_batch(all_rows, params.data_parallel);
  int chosen = 1;
  while (chosen < wanted) {
    params.batch_size = chosen * 2;
    if (estimate.process_bytes(params) > limit_bytes) {
      break;
    }
    chosen *= 2;
  }
  return {chosen, wanted / chosen};
}

}  // namespace

FinetunePlan plan_finetune(
    const std::filesystem::path& base_folder,
    const std::filesystem::path& dataset_path,
    FinetuneParams params,
    std::uint64_t budget_bytes,
    int local_ranks,
    model_config::Activations activations) {
  const auto local = static_cast<std::uint64_t>(local_ranks);
  FinetunePlan plan;
  const FinetuneRows rows = count_finetune_rows(base_folder, dataset_path, params);
  count_rows(plan, rows, params);
  const FinetuneEstimate estimate(base_folder, rows, params, activations);
  if (params.batch_size) {
    plan.batch_size = *params.batch_size;
  } else {
    const Batches batches = automatic_batches(
        estimate, params, plan.packed_rows + plan.eval_rows, budget_bytes / 2 / local);
    plan.batch_size = batches.size;
    params.grad_accumulation_steps *= batches.accumulation;
  }
  plan.accumulation = params.grad_accumulation_steps;
  params.batch_size = plan.batch_size;
  plan.memory = estimate.memory(params);
  plan.estimated_bytes = estimate.process_bytes(params) * local;
  const std::uint64_t an_epoch = ceil_div(
      ceil_div(
          plan.packed_rows,
          static_cast<std::uint64_t>(plan.batch_size) *
              static_cast<std::uint64_t>(params.data_parallel)),
      static_cast<std::uint64_t>(params.grad_accumulation_steps));
  const auto all = static_cast<std::int64_t>(an_epoch) * params.epochs;
  plan.steps = params.max_steps ? std::min<std::int64_t>(all, *params.max_steps) : all;
  plan.epochs =
      an_epoch > 0 ? static_cast<double>(plan.steps) / static_cast<double>(an_epoch) : 0.0;
  const auto config = model_config::ModelConfig::load(base_folder);
  plan.parameters =
      model_config::parameter_count(config, model_config::read_text_weights(base_folder, config));
  plan.trainable_parameters = model_config::trained_parameters(config, params);
  return plan;
}

}  // namespace hub::hub
