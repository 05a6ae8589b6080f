#pragma once

#include <functional>
#include <span>

#include "api/worker/job_spec.h"
#include "core/base/json.h"
#include "core/data/examples.h"
#include "core/model_config/evaluate_params.h"
#include "core/train/evaluate.h"

namespace hub::api {

// Lets the specification's model answer every row greedily and compares the answer with the row's
// last assistant turn. Returns {"exact_match" (share, spaces at the ends left out),
// "normalized_match" (letter case and runs of spaces left out, too),"rows","generated_tokens"}.
// Loads the model in an engine of its own; no other thread may use MLX meanwhile. Throws
// kUnprocessable (`no_trained_tokens`) without a row that has an answer, kCancelled when
// `keep_going` says so.
base::Json measure_exact_match(
    const JobSpec& spec,
    const model_config::EvaluateParams& params,
    std::span<const data::Example> rows,
    const std::shared_ptr<const text::Tokenizer>& tokenizer,
    const EmitEvent& emit,
    const train::KeepGoing& keep_going);

// "  The   Seine " and "the seine" are the same answer.
std::string normalized_answer(std::string_view text);

}  // namespace hub::api
