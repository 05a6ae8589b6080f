#pragma once

#include <optional>
#include <string>

#include "api/worker/job_control.h"
#include "api/worker/job_spec.h"
#include "core/base/build_info.h"

namespace hub::api {

struct JobArguments {
  // The job's specification, one JSON file written by the server; "-": the first line of standard
  // input (of type "specification"), for a worker on another machine.
  std::string spec_path;
  std::optional<std::string> spec_line{};  // that line, once it was read
  base::BuildInfo build{};                 // of this program
};

// `mlx-hub-worker job --spec FILE`: runs one job of kind "finetune", "evaluate", "merge",
// "quantize" or "estimate" and reports it by the events of core/base/worker_protocol.h on standard
// output; commands come on standard input. Returns the process's exit code: 0 after an event
// "result", 1 after an event "error". Never throws. Ends the process itself when standard input
// closes, since then the server is gone.
//
// The specification:
//   {"protocol":1, "job_id", "kind":"finetune"|"evaluate"|"merge"|"quantize"|"estimate",
//    "base":{"folder","digest","name"}, "adapter":{"folder"}|null,
//    "dataset":{"path","digest","valid_path"?}|null, "params":{…}, "output_folder"?,
//    "memory_limit_bytes"?, "distributed"?, "seed"?, "settled_batch_size"?}
// finetune: "params" are FinetuneParams (core/model_config/finetune_params.h); "adapter" is where
//   training starts from; the adapter is written to "output_folder". A "seed" overrides the
//   params'. "settled_batch_size" is what an automatic batch size came to when the job was done
//   before. "distributed" is the backend over which params.data_parallel workers of this
//   specification train together; rank 0 alone writes, reports and takes commands. result
//   {"adapter_folder","steps","train_loss","eval_loss_before","eval_loss_after",
//           "trained_tokens","seconds","peak_memory_bytes","stop_reason","ranks"}. With objective
//   dpo or orpo the losses are means over pairs, and metrics have "reward_chosen",
//   "reward_rejected","reward_accuracy","reward_margin"; those of evaluations the same with "eval_"
//   in front
// evaluate: "params" are EvaluateParams (core/model_config/evaluate_params.h).
//   result {"rows","seconds"} and, by task, {"loss","perplexity","tokens"},
//   {"exact_match","normalized_match","generated_tokens"} or
//   {"accuracy","accuracy_norm","chance"}
// merge: "params" are MergeParams; "adapter" goes into "base". quantize: "params" are
//   QuantizeParams. Both write a model folder into "output_folder" and compare logits on the first
//   rows of "dataset", or on texts of their own.
//   result {"model_folder","size_bytes","matrices","seconds", conversion_check.h's figures};
//   merge: "delta_kept","delta_error","delta_share" (convert/merge.h);
//   quantize: "bits_per_weight","parameters","requantized"
// estimate: what a finetune job of this specification would take; loads no weights.
//   result: FinetuneMemory (core/model_config/memory_estimate.h) with "batch_size",
//   "grad_accumulation_steps","trainable_parameters","gpu"
int run_job(JobArguments arguments);

// Bounds what MLX hands to the device ahead of its work, for every job. Before MLX is used.
void bound_work_ahead();

// The job alone, without standard input and output: ends with an event "result" (true) or "error"
// (false). On the thread that owns MLX.
bool perform_job(const JobArguments& arguments, JobControl& control, const EmitEvent& emit);

}  // namespace hub::api
