#pragma once

#include "api/worker/job_spec.h"
#include "core/train/train_report.h"

namespace hub::api {

// Turns what a trainer reports into the worker's events. Belongs to the trainer's thread.
class TrainingEvents {
 public:
  // `emit` outlives it.
  explicit TrainingEvents(const EmitEvent& emit) : emit_(emit) {}

  void started(int step, int total_steps);
  void reported(const train::StepReport& report);
  // Also between reports a person sees that it moves.
  void polled(int step);
  void skipped(const train::SkippedStep& skipped);
  void evaluated(const train::EvalReport& report);

 private:
  void progress(int step);

  const EmitEvent& emit_;
  int total_steps_ = 0;
  double iterations_per_second_ = 0.0;
  double last_progress_ = 0.0;
};

}  // namespace hub::api
