#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"

namespace hub::api {

// The figures of one ended request; the worker reports them as the event "usage".
struct RequestUsage {
  std::string request_id;
  int prompt_tokens = 0;
  int completion_tokens = 0;
  double ttft_seconds = 0.0;  // until the first text; until the end when there was none
  double seconds = 0.0;
  std::string finish_reason;  // "stop", "length", "cancelled", "error"
};

// What the generation routes need. Constant while the server runs; any thread may use it.
struct ServedModel {
  std::string name;                                         // echoed when the proxy names no other
  engine::Engine& engine;                                   // outlives the server
  std::shared_ptr<const text::Tokenizer> tokenizer;         // shared with every running answer
  std::shared_ptr<const text::ChatTemplate> chat_template;  // null when the model has none
  std::vector<int> stop_ids;                                // end of sequence, end of turn
  std::function<void(const RequestUsage&)> on_usage;        // called once a request; thread-safe
};

}  // namespace hub::api
