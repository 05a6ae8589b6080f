#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/model_config/optimizer_params.h"

namespace hub::model_config {

// The settings of a fine-tuning job: what POST /jobs accepts under "params" and what the trainer
// gets. Every field has its default here, its range in from_json() and a line in docs/training.md.
struct FinetuneParams {
  std::string method = "lora";        // lora (a quantized base makes it QLoRA), dora, full
  std::string objective = "sft";      // sft; dpo and orpo take preference rows (data/preference.h)
  double beta = 0.1;                  // (0, 1e4]; dpo's beta, orpo's lambda
  double label_smoothing = 0.0;       // [0, 0.5); dpo with loss_type sigmoid
  std::string loss_type = "sigmoid";  // of dpo: sigmoid, hinge, ipo (train/preference_loss.h)
  int rank = 8;                       // 1..512
  double scale = 20.0;          // multiplies (x A) B directly, as in mlx-lm (PEFT: alpha / rank)
  std::optional<double> alpha;  // PEFT's lora_alpha: scale = alpha / rank
  bool rslora = false;          // scale = alpha / sqrt(rank) (arXiv:2312.03732)
  double dropout = 0.0;         // [0, 1) on the adapter's input
  std::optional<std::vector<std::string>>
      target_modules;           // which modules (train/targets.h); absent: all of a layer
  int num_layers = -1;          // the last N layers; -1: all
  OptimizerParams optimizer;    // JSON: "optimizer" (its name) and "optimizer_config"
  double learning_rate = 1e-4;  // (0, 10]
  std::string lr_schedule =
      "cosine";  // constant, linear, cosine, exponential_decay, step_decay (train/lr_schedule.h)
  double lr_end = 0.0;                  // linear and cosine: where they end
  std::optional<double> lr_decay_rate;  // exponential_decay and step_decay: the factor, (0, 1]
  std::optional<int> lr_decay_steps;    // updates of linear and cosine (absent: all that remain);
                                        // length of a stair of step_decay
  int warmup_steps = 0;
  double warmup_init = 0.0;            // learning rate at the start of the warm-up
  std::optional<double> weight_decay;  // absent: the optimizer's default
  std::vector<std::string> no_decay;   // parts of parameter names without weight decay
  bool decay_vectors = false;          // weight decay on norms, biases and magnitudes, too
  double max_grad_norm = 0.0;          // 0: no clipping
  std::optional<int> batch_size;       // rows; absent ("auto"): chosen by memory
  int max_seq_length = 2048;           // tokens; longer rows are cut at the end
  bool packing = false;                // several rows in one of max_seq_length (data/packing.h)
  int epochs = 1;
  std::optional<int> max_steps;  // ends earlier than the epochs would
  int report_every = 1;          // steps
  int eval_every = 50;           // steps; 0: never
  int save_every = 50;           // steps; 0: only at the end
  double eval_fraction =
      0.1;  // of the rows, held out by seed when the data set has no validation file
  std::optional<int> early_stopping_patience;  // evaluations without improvement
  double early_stopping_min_delta = 0.0;       // nats; less is no improvement
  bool save_best = false;                      // keep the best evaluation's result beside the last
  std::optional<int> keep_checkpoints;         // numbered files; absent: all
  std::vector<std::string> sample_prompts;     // answered at every evaluation; at most 16
  int sample_max_tokens = 64;                  // of each answer
  int nonfinite_patience = 3;                  // steps in a row without a finite loss and gradient
  int nonfinite_rollbacks = 1;          // returns to the last checkpoint after that; then it fails
  double rollback_lr_factor = 0.5;      // (0, 1]; of the learning rate, at each return
  std::int64_t clear_cache_tokens = 0;  // inputs between two clearings of freed memory; 0: never
  bool grad_checkpoint = false;
  int grad_accumulation_steps = 1;
  int data_parallel = 1;         // processes that train together, each on batch_size rows of a step
  bool compat = false;           // as mlx-lm trains: see from_json()
  bool train_on_prompt = false;  // false: loss on assistant tokens only
  std::uint64_t seed = 0;

  // Throws kInvalidArgument naming the field ("params.rank"), the range and what came; refuses
  // unknown fields, and fields of preference training that the objective does not have. With
  // `compat` the optimizer's fields have mlx-lm's defaults: adam, a constant
  // rate of 1e-5, weight decay on everything.
  static FinetuneParams from_json(const base::Json& json, const std::string& path);
  [[nodiscard]] base::Json to_json() const;
};

}  // namespace hub::model_config
