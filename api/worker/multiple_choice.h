#pragma once

#include <span>
#include <vector>

#include "core/base/json.h"
#include "core/data/dataset.h"
#include "core/data/examples.h"
#include "core/models/language_model.h"
#include "core/train/evaluate.h"

namespace hub::api {

// One question: an example for each choice, all with the same prompt.
struct ChoiceQuestion {
  std::vector<data::Example> choices;
  std::vector<std::size_t> bytes;  // of each choice's text
  std::size_t answer = 0;
};

// The rows of format "choice" as the builder's tokens. Throws kUnprocessable for a data set of
// another format, and for a choice that cannot be built, naming its line.
std::vector<ChoiceQuestion> choice_questions(
    const data::Dataset& dataset, const data::ExampleBuilder& builder);

// Which choice is the likeliest: the one whose tokens have the largest sum of log-probabilities
// ("accuracy"), and the same per byte of its text ("accuracy_norm"), so that short choices have no
// advantage; the names and rules are lm-evaluation-harness's acc and acc_norm, but for the end of
// the turn, which counts here. Returns {"accuracy","accuracy_norm","chance","rows"}; `chance` is
// what guessing gives. Throws kCancelled when `keep_going` says so.
base::Json measure_multiple_choice(
    const models::LanguageModel& model,
    const nn::LoraAdapter* adapter,
    std::span<const ChoiceQuestion> questions,
    int max_seq_length,
    const train::KeepGoing& keep_going);

}  // namespace hub::api
