#pragma once

#include "api/server/http.h"
#include "api/worker/served_model.h"

namespace hub::api {

// llama.cpp's routes: POST /completion, /tokenize, /detokenize, /apply-template, GET /props and
// GET /slots, which shows the answers that are being made.
Response handle_llama_completion(const ServedModel& model, const Request& request);
Response handle_tokenize(const ServedModel& model, const Request& request);
Response handle_detokenize(const ServedModel& model, const Request& request);
Response handle_apply_template(const ServedModel& model, const Request& request);
Response handle_props(const ServedModel& model, const Request& request);
Response handle_slots(const ServedModel& model, const Request& request);

}  // namespace hub::api
