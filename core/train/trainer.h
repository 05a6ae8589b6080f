#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/model_config/finetune_params.h"
#include "core/models/language_model.h"
#include "core/train/adamw.h"
#include "core/train/batches.h"
#include "core/train/evaluate.h"
#include "core/train/lora.h"
#include "core/train/lr_schedule.h"
#include "core/train/train_result.h"
#include "core/train/train_state.h"

namespace hub::train {

// One line of the loss curve: means over the steps since the last report.
struct StepReport {
  int step = 0;  // updates done
  int total_steps = 0;
  double train_loss = 0.0;     // over trained tokens
  double learning_rate = 0.0;  // of the last update
  double iterations_per_second = 0.0;
  double tokens_per_second = 0.0;        // trained tokens
  double input_tokens_per_second = 0.0;  // prompt and trained, no padding
  std::uint64_t trained_tokens = 0;      // since the start
  double grad_norm = 0.0;                // of the last update, before clipping
  std::uint64_t peak_memory_bytes = 0;
};

struct EvalReport {
  int step = 0;
  EvalResult result;
};

enum class Command : std::uint8_t { kContinue, kCheckpoint, kStop };

// What the trainer tells and asks; all on its own thread, all optional.
struct TrainHooks {
  std::function<void(const StepReport&)> reported;
  std::function<void(const EvalReport&)> evaluated;
  // On the way: every save_every steps, and whenever `poll` asks for it.
  std::function<void(const TrainState&, const TrainableAdapter&)> checkpoint;
  // The finished adapter.
  std::function<void(int step, const TrainableAdapter&)> finished;
  // Before every batch of a step and of an evaluation; may block (pause). After a checkpoint it is
  // asked again.
  std::function<Command(int step)> poll;
  std::function<void(const std::string& message)> log;
};

struct TrainData {
  std::vector<data::Example> train;
  std::vector<data::Example> valid;  // may be empty: then nothing is evaluated
};

// Trains one adapter over a fixed base with AdamW. A step is one optimizer update: the gradient of
// the summed loss over `grad_accumulation_steps` batches divided by their trained tokens. Equal
// arguments give an equal adapter, bit for bit, on the same machine. Belongs to the thread that
// owns MLX.
class Trainer {
 public:
  // Rows without a trained token within max_seq_length are left out, which is logged. Throws
  // kUnprocessable (`no_trained_tokens`) when none is left, kNotImplemented for settings that this
  // trainer does not have.
  Trainer(
      const models::LanguageModel& model,
      TrainableAdapter adapter,
      TrainData data,
      model_config::FinetuneParams params,
      int batch_size,
      TrainHooks hooks);

  // Goes on from a state of this very training (`fingerprint` is the caller's to compare), before
  // run(). Throws kUnprocessable when its arrays are not this adapter's.
  void restore(TrainState state);

  // Call once. Throws kCancelled when `poll` answers kStop, kUnprocessable (`training_diverged`)
  // when the loss or the gradient is no finite number.
  TrainResult run();

  [[nodiscard]] const TrainableAdapter& adapter() const { return adapter_; }
  [[nodiscard]] int step() const { return step_; }  // updates done
  [[nodiscard]] int total_steps() const { return total_steps_; }

 private:
  using Group = std::vector<std::vector<std::size_t>>;  // the batches of one step

  // Sums over the batches of one step.
  struct Gradient {
    mx::array loss = mx::array(0.0F);
    std::vector<mx::array> parts;  // as the parameters
    std::size_t tokens = 0;
    std::size_t input_tokens = 0;
    int dropout_draws = 0;
  };

  // The gradient of a step to come, as a graph.
  struct Prepared {
    std::vector<std::size_t> indices;  // of its only batch
    Gradient sum;
  };

  [[nodiscard]] std::vector<Group> plan_epoch(int epoch) const;
  [[nodiscard]] TrainState state() const;
  void save_checkpoint() const;
  void ask();  // polls until it may go on: saves, waits or throws
  void step(const Group& group, const Group* next);
  void add_batch(Gradient& sum, const Batch& batch);
  void update(const Gradient& sum, const Group* next);
  void prepare(const Group& group);
  void check_finite(double loss, double norm) const;
  void report();
  void run_evaluation();
  [[nodiscard]] bool patience_is_over() const;
  [[nodiscard]] bool due(int every) const { return every > 0 && step_ % every == 0; }
  void finish();
  void say(const std::string& message) const;

  const models::LanguageModel& model_;
  TrainableAdapter adapter_;
  TrainData data_;
  model_config::FinetuneParams params_;
  int batch_size_;
  BatchShape shape_;
  TrainHooks hooks_;
  std::vector<std::size_t> lengths_;  // of data_.train, in tokens after the cut
  int total_steps_ = 0;
  LrSchedule schedule_;
  AdamW optimizer_;

  std::optional<Prepared> prepared_;

  // What changes from step to step changes at a step's end, all together: between two batches of a
  // step a checkpoint is the one of the step before.
  int step_ = 0;
  int dropout_draws_ = 0;
  double seconds_before_ = 0.0;  // of earlier attempts
  double started_ = 0.0;         // of this one
  ReportWindow window_;
  double learning_rate_ = 0.0;
  double grad_norm_ = 0.0;
  TrainResult result_;
  int evaluated_step_ = -1;
  int evaluations_without_gain_ = 0;
  std::optional<double> best_loss_;
  std::vector<mx::array> best_parameters_;  // kept with early stopping only
};

}  // namespace hub::train
