#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "core/base/json.h"

namespace hub::api {

// Text, or token ids (not yet checked against a vocabulary).
using Prompt = std::variant<std::string, std::vector<int>>;

// The value of `field` in any of OpenAI's four forms: a text, token ids, or a list of either.
// Throws kInvalidArgument naming the field's path for another type, an empty array, and more than
// `most`.
std::vector<Prompt> read_prompts(
    const base::Json& value, const std::string& field, std::size_t most);

}  // namespace hub::api
