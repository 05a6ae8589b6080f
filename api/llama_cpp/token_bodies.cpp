#include "api/llama_cpp/token_bodies.h"

#include <variant>

#include <nlohmann/json.hpp>

#include "api/openai/generation_options.h"
#include "api/openai/prompts.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {

using base::Json;
using base::JsonReader;

TokenizeBody TokenizeBody::from_json(const Json& json) {
  const JsonReader body(json);
  TokenizeBody request;
  request.model = body.optional_string("model").value_or("");
  request.content = body.string("content");
  request.add_special = body.optional_bool("add_special").value_or(false);
  request.with_pieces = body.optional_bool("with_pieces").value_or(false);
  if (!body.optional_bool("parse_special").value_or(true)) {
    refuse_unsupported(
        body.path_of("parse_special"), "special tokens written in the text are always recognised");
  }
  return request;
}

DetokenizeBody DetokenizeBody::from_json(const Json& json) {
  const JsonReader body(json);
  DetokenizeBody request;
  request.model = body.optional_string("model").value_or("");
  static_cast<void>(body.value("tokens"));  // required
  const Json& tokens = *body.optional_array("tokens");
  if (!tokens.empty()) {
    const Prompt read = read_prompts(tokens, "tokens", 1).front();
    if (const auto* ids = std::get_if<std::vector<int>>(&read)) {
      request.tokens = *ids;
    } else {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          "'tokens' must be an array of token ids, got an array of strings",
          "tokens");
    }
  }
  return request;
}

}  // namespace hub::api
