#include "api/worker/estimate_job.h"

#include <vector>

#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/data/dataset.h"
#include "core/data/packing.h"
#include "core/model_config/finetune_params.h"
#include "core/model_config/text_part.h"
#include "core/train/batch_size.h"

namespace hub::api {

base::Json run_estimate(const JobSpec& spec, JobControl& control, const EmitEvent& emit) {
  const base::Json given = base::parse_json(spec.params, "params");
  const auto params = model_config::FinetuneParams::from_json(given, "params");
  const auto config = model_config::ModelConfig::load(spec.base_folder);
  const auto builder = data::ExampleBuilder::load(
      spec.base_folder,
      {.max_seq_length = params.max_seq_length,
       .train_on_prompt = params.train_on_prompt,
       .objective = params.objective});
  std::vector<data::RowCounts> rows;
  load_examples(
      data::dataset_files(spec.dataset_path).train,
      spec.dataset_digest,
      builder,
      emit,
      [&rows](const data::Example& example) { rows.push_back(data::counts_of(example)); });
  control.check();
  if (params.packing) {
    rows = data::packed_counts(rows, params.max_seq_length);
  }
  const auto choice = train::choose_batch_size(
      config,
      model_config::loaded_bytes(model_config::read_text_weights(spec.base_folder, config)),
      params,
      data::RowSizes(rows),
      spec.memory_limit_bytes);
  base::Json result = choice.memory.to_json();
  result["batch_size"] = choice.batch_size;
  result["grad_accumulation_steps"] = choice.accumulation * params.grad_accumulation_steps;
  result["trainable_parameters"] = model_config::trained_parameters(config, params);
  result["gpu"] = train::activations_here() == model_config::Activations::kHalf;
  return result;
}

}  // namespace hub::api
