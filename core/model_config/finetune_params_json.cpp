#include <optional>

#include <nlohmann/json.hpp>

#include "core/model_config/finetune_params.h"

namespace hub::model_config {
namespace {

using base::Json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

Json FinetuneParams::to_json() const {
  Json json = Json::object();
  json["method"] = method;
  json["objective"] = objective;
  json["beta"] = beta;
  json["label_smoothing"] = label_smoothing;
  json["loss_type"] = loss_type;
  json["rank"] = rank;
  json["scale"] = scale;
  json["alpha"] = or_null(alpha);
  json["rslora"] = rslora;
  json["dropout"] = dropout;
  json["target_modules"] = or_null(target_modules);
  json["num_layers"] = num_layers;
  json["optimizer"] = optimizer.name;
  json["optimizer_config"] = optimizer.to_json();
  json["learning_rate"] = learning_rate;
  json["lr_schedule"] = lr_schedule;
  json["lr_end"] = lr_end;
  json["lr_decay_rate"] = or_null(lr_decay_rate);
  json["lr_decay_steps"] = or_null(lr_decay_steps);
  json["warmup_steps"] = warmup_steps;
  json["warmup_init"] = warmup_init;
  json["weight_decay"] = or_null(weight_decay);
  json["no_decay"] = no_decay;
  json["decay_vectors"] = decay_vectors;
  json["max_grad_norm"] = max_grad_norm;
  json["batch_size"] = batch_size ? Json(*batch_size) : Json("auto");
  json["max_seq_length"] = max_seq_length;
  json["packing"] = packing;
  json["epochs"] = epochs;
  json["max_steps"] = or_null(max_steps);
  json["report_every"] = report_every;
  json["eval_every"] = eval_every;
  json["save_every"] = save_every;
  json["eval_fraction"] = eval_fraction;
  json["early_stopping_patience"] = or_null(early_stopping_patience);
  json["early_stopping_min_delta"] = early_stopping_min_delta;
  json["save_best"] = save_best;
  json["keep_checkpoints"] = or_null(keep_checkpoints);
  json["sample_prompts"] = sample_prompts;
  json["sample_max_tokens"] = sample_max_tokens;
  json["nonfinite_patience"] = nonfinite_patience;
  json["nonfinite_rollbacks"] = nonfinite_rollbacks;
  json["rollback_lr_factor"] = rollback_lr_factor;
  json["clear_cache_tokens"] = clear_cache_tokens;
  json["grad_checkpoint"] = grad_checkpoint;
  json["grad_accumulation_steps"] = grad_accumulation_steps;
  json["data_parallel"] = data_parallel;
  json["compat"] = compat;
  json["train_on_prompt"] = train_on_prompt;
  json["seed"] = seed;
  return json;
}

}  // namespace hub::model_config
