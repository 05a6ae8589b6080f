#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/worker/grammars.h"
#include "api/worker/running_requests.h"
#include "core/base/engine_events.h"
#include "core/chat/chat_style.h"
#include "core/engine/engine.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"

namespace hub::api {

// What the generation routes need. Constant while the server runs; any thread may use it.
struct ServedModel {
  std::string name;                                         // echoed when the proxy names no other
  engine::Engine& engine;                                   // outlives the server
  std::shared_ptr<const text::Tokenizer> tokenizer;         // shared with every running answer
  std::shared_ptr<const text::ChatTemplate> chat_template;  // null when the model has none
  chat::ChatStyle style{};                                  // of chat_template
  std::vector<int> stop_ids;                                // end of sequence, end of turn
  std::shared_ptr<const Grammars> grammars;                 // compiles what answers must look like
  // Called once a request that was taken, when it ends; thread-safe.
  std::function<void(const base::EngineUsage&)> on_usage;
  std::shared_ptr<RunningRequests> running{};  // null: nobody asks for them
};

}  // namespace hub::api
