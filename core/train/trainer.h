#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/model_config/finetune_params.h"
#include "core/models/language_model.h"
#include "core/train/batches.h"
#include "core/train/best_result.h"
#include "core/train/buffer_watch.h"
#include "core/train/divergence_guard.h"
#include "core/train/gradient_sum.h"
#include "core/train/lr_schedule.h"
#include "core/train/objective.h"
#include "core/train/optimizer.h"
#include "core/train/parameter_packing.h"
#include "core/train/process_group.h"
#include "core/train/step_plan.h"
#include "core/train/train_report.h"
#include "core/train/train_result.h"
#include "core/train/train_state.h"
#include "core/train/trainable.h"

namespace hub::train {

enum class Command : std::uint8_t { kContinue, kCheckpoint, kStop };

// What the trainer tells and asks; all on its own thread, all optional.
struct TrainHooks {
  std::function<void(const StepReport&)> reported;
  std::function<void(const EvalReport&)> evaluated;
  // When an evaluation is due, also without rows to evaluate: the model as it is now. `keep_going`
  // polls; ask it now and then in long work.
  std::function<void(int step, const PlacedModel&, const KeepGoing& keep_going)> sample;
  // On the way: every save_every steps, and whenever `poll` asks for it.
  std::function<void(const TrainState&, const Trainable&)> checkpoint;
  // An evaluation better than all before; with save_best only.
  std::function<void(int step, const Trainable&)> best;
  std::function<void(const SkippedStep&)> skipped;
  // The state that `checkpoint` was given last; absent or nullopt: there is none to return to.
  std::function<std::optional<TrainState>()> last_checkpoint;
  // The finished result.
  std::function<void(int step, const Trainable&)> finished;
  // Before every batch of a step and of an evaluation; may block (pause). After a checkpoint it is
  // asked again.
  std::function<Command(int step)> poll;
  std::function<void(const std::string& message)> log;
  // Buffers that may be there at once; nullopt: as many as one likes.
  std::optional<std::size_t> buffer_limit = device_buffer_limit();
};

struct TrainData {
  data::Examples train;
  data::Examples valid;  // may be empty: then nothing is evaluated
};

// Trains an adapter over a fixed base, or a model's own weights. A step is one optimizer update:
// the mean gradient over `grad_accumulation_steps` batches, of what params.objective says. Equal
// arguments give an equal result, bit for bit, on the same machine. Belongs to the thread that owns
// MLX.
//
// With several ranks every batch has `batch_size` rows a rank, of which each takes its own; the
// gradient is the mean over all of them, and every rank does the same update. All members that take
// steps are then collectives: each rank must be given the same arguments, hooks besides `poll`,
// `last_checkpoint` and `log` only where something shall be reported or written, and a `poll` that
// gives all ranks the same answer.
class Trainer {
 public:
  // Rows without a trained token within max_seq_length (pairs without one in each answer) are left
  // out, which is logged. Throws kUnprocessable (`no_trained_tokens`) when none is left, and
  // (`dataset_format`) for rows that the objective does not take.
  Trainer(
      const models::LanguageModel& model,
      std::unique_ptr<Trainable> trained,
      TrainData data,
      model_config::FinetuneParams params,
      int batch_size,
      TrainHooks hooks,
      ProcessGroup group = {});

  // Whether the next step's graph is built while the device computes this one, over parameters that
  // are not there yet; a step that must not be applied is then undone. Costs the memory of the
  // optimizer's old state. Same results. Before run(); by default on a GPU, for adapters.
  void set_builds_ahead(bool builds_ahead) { builds_ahead_ = builds_ahead; }

  // Goes on from a state of this very training (`fingerprint` is the caller's to compare), before
  // run(). Throws kUnprocessable when its arrays are not this training's.
  void restore(TrainState state);

  // Call once. Throws kCancelled when `poll` answers kStop, kUnprocessable (`training_diverged`)
  // when divergence_guard.h says so.
  TrainResult run();

  [[nodiscard]] const Trainable& trained() const { return *trained_; }
  [[nodiscard]] int step() const { return step_; }  // updates done
  [[nodiscard]] int total_steps() const { return plan_.total_steps(); }

 private:
  // The gradient of a step to come, as a graph.
  struct Prepared {
    StepBatches batches;  // one
    GradientSum sum;
    std::size_t input_tokens;
    std::size_t trained_tokens;
  };

  [[nodiscard]] TrainState state() const;
  [[nodiscard]] bool fit(const std::vector<mx::array>& references) const;
  void save_checkpoint() const;
  void ask();  // polls until it may go on: saves, waits or throws
  void step(const StepBatches& batches);
  // What a step's batches came to; on this rank.
  struct Gathered {
    GradientSum sum;
    std::size_t input_tokens = 0;
    std::size_t trained_tokens = 0;
    int draws = 0;
    double seconds = 0.0;
  };
  [[nodiscard]] Gathered gather(const StepBatches& batches);
  // Takes fewer rows at once from now on. False when there are no fewer.
  bool take_fewer_rows();
  void clear_cache(std::size_t input_tokens);
  void add_batch(
      GradientSum& sum,
      std::span<const mx::array> parameters,
      const LossBatch& batch,
      int draw) const;
  void try_step(const StepBatches& batches);
  // False when the step was not applied.
  bool update(Gathered& gathered);
  // Takes back an update that was built ahead, and what was built on it.
  void undo_ahead(std::vector<mx::array> state_before);
  // The parameters after the update; what to evaluate for them and the optimizer's next state is
  // added to `outputs`.
  std::vector<mx::array> apply(
      const std::vector<mx::array>& gradients, std::vector<mx::array>& outputs);
  void prepare_next(const std::vector<mx::array>& parameters);
  void handle_bad_step(DivergenceGuard::Verdict verdict, double loss, double norm);
  void roll_back(TrainState state);
  [[noreturn]] void fail_diverged(double loss, double norm) const;
  [[nodiscard]] const StepBatches& next_batches();
  void go_to(TrainState state);
  void report();
  void run_evaluation();
  [[nodiscard]] bool due(int every) const { return every > 0 && step_ % every == 0; }
  void finish();
  void say(const std::string& message) const;

  const models::LanguageModel& model_;
  std::unique_ptr<Trainable> trained_;
  model_config::FinetuneParams params_;
  ProcessGroup group_;
  int batch_size_;  // of a rank
  BatchShape shape_;
  TrainHooks hooks_;
  std::size_t rows_given_;  // before those without targets were left out
  TrainData data_;
  std::unique_ptr<Objective> objective_;  // over data_.train
  std::unique_ptr<Objective> held_out_;   // over data_.valid
  StepPlan plan_;
  LrSchedule schedule_;
  ParameterPacking packing_;
  std::unique_ptr<Optimizer> optimizer_;  // over packed parameters
  bool builds_ahead_;
  std::optional<Prepared> prepared_;
  BufferWatch buffers_;

  // What changes from step to step changes at a step's end, all together: between two batches of a
  // step a checkpoint is the one of the step before.
  int step_ = 0;
  int dropout_draws_ = 0;
  int rows_at_once_;             // of a batch: all, until memory ran out
  double seconds_before_ = 0.0;  // of earlier attempts
  double started_ = 0.0;         // of this one
  ReportWindow window_;
  double learning_rate_ = 0.0;
  double grad_norm_ = 0.0;
  TrainResult result_;
  int evaluated_step_ = -1;
  BestResult best_;
  DivergenceGuard guard_;
  bool rolled_back_ = false;  // by the step that is being done
  std::uint64_t tokens_since_clear_ = 0;
  int planned_epoch_ = -1;  // whose steps are these
  std::vector<StepBatches> epoch_steps_;
};

}  // namespace hub::train
