#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace hub::api {

// A configuration of `mlx_lm.lora --config` (mlx_lm/lora.py, CONFIG_DEFAULTS) as a job of ours,
// with mlx-lm-lora's settings of preference training (train_mode, beta, dpo_cpo_loss_type).
struct MlxLmConfig {
  std::optional<std::string> model;
  std::optional<std::string> data;
  std::optional<std::string> adapter_file;  // resume_adapter_file: where training goes on from
  std::optional<std::string> name;          // of the result: the last part of adapter_path
  // Of POST /jobs, as JSON text of an object; mlx-lm's defaults are filled in where they differ.
  std::string params = "{}";
  std::vector<std::string> notes;      // what has no effect here, and why
  std::vector<std::string> report_to;  // "tensorboard", "csv"
  std::string project_name;            // "": none

  // Every key is mapped, or refused by name with the reason: kInvalidArgument, whose param is the
  // key. Iterations become optimizer steps: with grad_accumulation_steps N, every N are one.
  static MlxLmConfig from_json(const base::Json& config);
};

}  // namespace hub::api
