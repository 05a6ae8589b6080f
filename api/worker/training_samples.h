#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/worker/job_spec.h"
#include "core/model_config/finetune_params.h"
#include "core/text/tokenizer.h"
#include "core/train/evaluate.h"
#include "core/train/trainable.h"

namespace hub::api {

// What a model in training answers to params.sample_prompts, so that a person can read how it
// changes. Greedy, one prompt after the other: nothing random is drawn, so a training with samples
// gives the same result as one without. Belongs to the thread that owns MLX.
class TrainingSamples {
 public:
  // Reads the base's tokenizer and chat template; a model without one gets the prompts as they are.
  // Throws kUnprocessable when they cannot be read and kInvalidArgument (params.sample_prompts) for
  // a prompt that leaves no room in the model's context.
  TrainingSamples(
      const JobSpec& spec,
      const model_config::FinetuneParams& params,
      const model_config::ModelConfig& config);

  // Emits one event "sample" a prompt. Throws kInternal when a forward fails.
  void draw(
      int step,
      const train::PlacedModel& placed,
      const train::KeepGoing& keep_going,
      const EmitEvent& emit) const;

 private:
  struct Prompt {
    std::string text;
    std::vector<int> tokens;
  };

  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::vector<Prompt> prompts_;
  std::vector<int> stop_ids_;
  int max_tokens_;
};

}  // namespace hub::api
