#include "core/train/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/base/error.h"

namespace hub::train {
namespace {

[[noreturn]] void refuse(const std::string& message, const std::string& field) {
  throw base::Error(base::ErrorCode::kInvalidArgument, message, field);
}

}  // namespace

LrSchedule::Kind LrSchedule::kind_of(const std::string& name) {
  if (name == "constant") {
    return Kind::kConstant;
  }
  if (name == "linear") {
    return Kind::kLinear;
  }
  if (name == "cosine") {
    return Kind::kCosine;
  }
  if (name == "exponential_decay") {
    return Kind::kExponential;
  }
  if (name == "step_decay") {
    return Kind::kStep;
  }
  refuse(
      "lr_schedule must be constant, linear, cosine, exponential_decay or step_decay, not \"" +
          name + "\"",
      "params.lr_schedule");
}

LrSchedule::LrSchedule(const model_config::FinetuneParams& params, int total_updates)
    : kind_(kind_of(params.lr_schedule)),
      peak_(params.learning_rate),
      end_(params.lr_end),
      warmup_init_(params.warmup_init),
      warmup_updates_(std::max(0, params.warmup_steps)),
      decay_rate_(params.lr_decay_rate.value_or(1.0)) {
  if ((kind_ == Kind::kExponential || kind_ == Kind::kStep) && !params.lr_decay_rate) {
    refuse(params.lr_schedule + " needs lr_decay_rate", "params.lr_decay_rate");
  }
  if (kind_ == Kind::kStep && !params.lr_decay_steps) {
    refuse(params.lr_schedule + " needs lr_decay_steps", "params.lr_decay_steps");
  }
  const int before = warmup_updates_ > 0 ? warmup_updates_ + 1 : 0;
  decay_updates_ = params.lr_decay_steps.value_or(std::max(1, total_updates - before));
}

double LrSchedule::at(int update) const {
  if (warmup_updates_ > 0) {
    if (update <= warmup_updates_) {
      return warmup_init_ + (peak_ - warmup_init_) * update / warmup_updates_;
    }
    update -= warmup_updates_ + 1;
  }
  const double done = static_cast<double>(std::min(update, decay_updates_)) / decay_updates_;
  switch (kind_) {
    case Kind::kConstant:
      break;
    case Kind::kLinear:
      return peak_ + (end_ - peak_) * done;
    case Kind::kCosine:
      return end_ + (peak_ - end_) * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
    case Kind::kExponential:
      return peak_ * std::pow(decay_rate_, update);
    case Kind::kStep:
      return peak_ * std::pow(decay_rate_, update / decay_updates_);
  }
  return peak_;
}

}  // namespace hub::train
