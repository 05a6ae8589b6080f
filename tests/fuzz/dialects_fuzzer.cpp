// Bodies of Anthropic's, Ollama's and llama.cpp's routes.
#include <nlohmann/json.hpp>

#include "api/anthropic/messages_request.h"
#include "api/llama_cpp/completion_body.h"
#include "api/llama_cpp/token_bodies.h"
#include "api/ollama/ollama_request.h"
#include "core/base/json_reader.h"
#include "tests/fuzz/fuzz_target.h"

namespace hub::fuzz {
namespace {

void check(const api::GenerationOptions& options) {
  require(options.n == 1 && options.best_of == 1, "there is one answer");
  require(!options.max_tokens || *options.max_tokens >= 1, "which has tokens");
}

}  // namespace

void run(std::string_view input) {
  base::Json body;
  if (!accepts([&] { body = base::parse_json(input, "the body"); })) {
    return;
  }
  accepts([&] {
    const auto chat = api::messages_request(body);
    check(chat.options);
    require(!chat.messages.empty(), "a chat has messages");
    require(chat.options.max_tokens.has_value(), "and a limit");
  });
  accepts([&] { require(!api::count_tokens_request(body).messages.empty(), "so has this"); });
  accepts([&] {
    const auto chat = api::ollama_chat(body);
    check(chat.options);
    require(!chat.messages.empty(), "and this");
  });
  accepts([&] { check(api::options_of(api::ollama_generate(body))); });
  accepts([&] { require(!api::ollama_embed(body).inputs.empty(), "there is a text"); });
  accepts([&] { require(api::ollama_embeddings(body).inputs.size() == 1, "there is one text"); });
  accepts([&] { static_cast<void>(api::ollama_load(body, "messages")); });
  accepts([&] {
    const auto asked = api::LlamaCompletion::from_json(body);
    check(asked.completion.options);
    require(asked.completion.prompts.size() == 1, "there is one prompt");
  });
  accepts([&] { static_cast<void>(api::TokenizeBody::from_json(body)); });
  accepts([&] {
    for (const int token : api::DetokenizeBody::from_json(body).tokens) {
      require(token >= 0, "tokens are numbers from 0");
    }
  });
}

}  // namespace hub::fuzz
