#pragma once

#include <string_view>

#include "core/base/json.h"

namespace hub::data {

// A preference row as two conversations of OpenAI's messages that begin alike:
// {"chosen":[…],"rejected":[…],"shared":n}, where the first n messages of both are the prompt.
//
// Reads the shapes that TRL and mlx-lm-lora take: `chosen` and `rejected` are an answer's text, one
// assistant message, or a list of messages. What comes before them is `prompt`, a text (a user
// message) or messages, or `messages`, with `system` in front where no system message is. Answers
// that are lists and begin with no assistant message hold their prompt themselves, as far as both
// are equal; a `prompt` that is a text, and `messages`, then only repeat it and are passed over
// (TRL's extract_prompt). Throws kInvalidArgument naming the field.
base::Json preference_pair(const base::Json& row);

// True for a row that can be written without a chat template: prompt and both answers are texts,
// and there is no `system`.
bool is_plain_preference(const base::Json& row);

// A table's row with `chosen` and `rejected`: lists of messages among `prompt`, `chosen` and
// `rejected` that are JSON text become what they are; other text stays.
void parse_message_columns(base::Json& row);

// Throws kUnprocessable (`dataset_format`, parameter "dataset") when a training with `objective`
// does not take rows of `format` (Dataset::format()): dpo and orpo want preference rows, sft all
// others. "" takes everything.
void check_objective(std::string_view objective, std::string_view format);

}  // namespace hub::data
