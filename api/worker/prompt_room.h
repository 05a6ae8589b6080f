#pragma once

#include <vector>

#include "api/openai/generation_options.h"
#include "api/worker/served_model.h"

namespace hub::api {

// The longest prompt, in tokens, that leaves room for an answer: for max_tokens, or a quarter of
// the context where none is given, but never less than half of the context for the prompt.
int prompt_room(const ServedModel& model, const GenerationOptions& options);

// Takes the beginning of a prompt away that is longer than `tokens`.
void keep_last(std::vector<int>& prompt, int tokens);

}  // namespace hub::api
