#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "api/openai/answer_format.h"
#include "core/base/json.h"

namespace hub::api {

// The member "logprobs" of a choice of POST /v1/chat/completions:
// {"content":[{"token","logprob","bytes","top_logprobs":[{"token","logprob","bytes"}]}],
//  "refusal":null}
// A token that is not whole characters has U+FFFD in "token"; "bytes" has what it is.
base::Json chat_logprobs(const std::vector<AnswerToken>& tokens);

// The member "logprobs" of a choice of POST /v1/completions:
// {"tokens","token_logprobs","top_logprobs":[{token: logprob}],"text_offset"}. `offset`: characters
// of the choice's text before the first token. "top_logprobs" is null where none were wanted; a
// token without a likelihood has null in both columns.
base::Json completion_logprobs(const std::vector<AnswerToken>& tokens, std::size_t offset);

// Characters that begin in these bytes of a UTF-8 text.
std::size_t character_count(std::string_view bytes);

}  // namespace hub::api
