#pragma once

#include <string>

#include "core/base/json.h"

namespace hub::data {

// The two ways of writing conversations that are not OpenAI's. All throw kInvalidArgument naming
// the field.

// ShareGPT: `conversations` of {"from","value"}, and optionally `system`. Roles: human, user →
// user; gpt, chatgpt, assistant, model, bing, bard → assistant; system → system; tool, observation,
// function_response → tool; function_call → an assistant's tool call, its value
// {"name","arguments"} as JSON. Turns written as {"role","content"} are taken as they are.
base::Json sharegpt_messages(const base::Json& row);

// Alpaca: `instruction`, optionally `input`, `output`, and as LLaMA-Factory adds them `system` and
// `history` ([[question, answer], …]). The user's message is the instruction, a blank line, and the
// input where it is not empty.
base::Json alpaca_messages(const base::Json& row);

// Alpaca as plain text for a model without chat template: the prompt that Stanford's Alpaca was
// trained with, up to and with "### Response:\n". Refuses `system` and `history`, for which it has
// no place.
std::string alpaca_prompt(const base::Json& row);

}  // namespace hub::data
