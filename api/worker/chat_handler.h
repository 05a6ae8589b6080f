#pragma once

#include <memory>

#include "api/openai/answer_format.h"
#include "api/openai/chat_request.h"
#include "api/server/http.h"
#include "api/worker/served_model.h"

namespace hub::api {

// POST /v1/chat/completions.
Response handle_chat(const ServedModel& model, const Request& request);

// Answers a conversation of any route in the form that `format` writes: renders the prompt, builds
// the grammar that tools ask for, and takes the answer apart. Throws kInvalidArgument with the
// field's path in the terms of ChatRequest.
Response answer_chat(
    const ServedModel& model,
    const Request& request,
    const ChatRequest& chat,
    std::unique_ptr<const AnswerFormat> format);

}  // namespace hub::api
