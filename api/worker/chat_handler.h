#pragma once

#include <string>

#include "api/openai/chat_request.h"
#include "api/server/http.h"
#include "api/worker/generation_handler.h"
#include "api/worker/served_model.h"

namespace hub::api {

// POST /v1/chat/completions.
Response handle_chat(const ServedModel& model, const Request& request);

// What the model is asked for a conversation, whatever API it came by; the caller sets the format.
// Throws kInvalidArgument (`no_chat_template`) for a model that knows no conversations, and what
// ChatTemplate::render() throws.
Generation chat_generation(const ServedModel& model, const ChatRequest& chat);

// The text that the model is asked with, without its `dropped` oldest messages
// (ChatRequest::template_messages). Throws likewise.
std::string chat_prompt(const ServedModel& model, const ChatRequest& chat, std::size_t dropped = 0);

}  // namespace hub::api
