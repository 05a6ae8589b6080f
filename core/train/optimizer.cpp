#include "core/train/optimizer.h"

#include <utility>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/train/optimizers.h"

namespace hub::train {

std::vector<mx::array> Optimizer::update(
    std::span<const mx::array> parameters,
    std::span<const mx::array> gradients,
    double learning_rate) {
  ++updates_;
  const std::span<mx::array> all(state_);
  std::vector<mx::array> updated;
  updated.reserve(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Step step{updates_, learning_rate, weight_decays_[i]};
    const auto own = all.subspan(begins_[i], begins_[i + 1] - begins_[i]);
    updated.push_back(apply(parameters[i], gradients[i], step, own));
  }
  return updated;
}

void Optimizer::start(std::span<const mx::array> parameters, std::vector<double> weight_decays) {
  if (weight_decays.size() != parameters.size()) {
    throw base::Error(
        base::ErrorCode::kInternal,
        fmt::format("{} weight decays for {} parameters", weight_decays.size(), parameters.size()));
  }
  weight_decays_ = std::move(weight_decays);
  for (const mx::array& parameter : parameters) {
    begins_.push_back(state_.size());
    for (mx::array& part : fresh(parameter)) {
      state_.push_back(std::move(part));
    }
  }
  begins_.push_back(state_.size());
}

void Optimizer::restore(std::vector<mx::array> state, int updates) {
  bool fits = state.size() == state_.size();
  for (std::size_t i = 0; fits && i < state.size(); ++i) {
    fits = state[i].shape() == state_[i].shape() && state[i].dtype() == state_[i].dtype();
  }
  if (!fits) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "the saved optimizer has {} arrays; this one has {} or other shapes",
            state.size(),
            state_.size()),
        {},
        "bad_training_state");
  }
  state_ = std::move(state);
  updates_ = updates;
}

std::unique_ptr<Optimizer> make_optimizer(
    const model_config::OptimizerParams& params,
    std::span<const mx::array> parameters,
    std::vector<double> weight_decays) {
  std::unique_ptr<Optimizer> made;
  if (params.name == "sgd") {
    made = make_sgd(params);
  } else if (params.name == "lion") {
    made = make_lion(params);
  } else if (params.name == "adafactor") {
    made = make_adafactor(params);
  } else if (params.name == "muon") {
    made = make_muon(params);
  } else if (params.name == "adam" || params.name == "adamw") {
    made = make_adam(params);
  } else {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "no optimizer is called \"" + params.name + "\"",
        "params.optimizer");
  }
  made->start(parameters, std::move(weight_decays));
  return made;
}

}  // namespace hub::train
