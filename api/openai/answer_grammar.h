#pragma once

#include <optional>

#include "core/base/json_reader.h"
#include "core/text/grammar.h"

namespace hub::api {

// What the answer must look like, from OpenAI's "response_format" (json_object, json_schema),
// llama.cpp's "json_schema", and vLLM's "guided_json", "guided_regex" and "guided_grammar" (Lark).
// nullopt without one. Whether a schema or an expression can be used is told when it is compiled.
// Throws kInvalidArgument with the field's path, also for more than one of them.
std::optional<text::GrammarSpec> read_grammar(const base::JsonReader& body);

}  // namespace hub::api
