#pragma once

#include <chrono>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/worker/generation_handler.h"
#include "core/base/error.h"
#include "tests/support/default_model.h"

// The chat and text routes of the engine worker, called as the HTTP server calls them.
namespace hub::api {
using base::Json;

// Takes at most `limit` writes, then is a client that has gone.
class SseClient final : public BodyWriter {
 public:
  explicit SseClient(int limit = 1 << 20) : limit_(limit) {}
  bool write(std::string_view bytes) override {
    if (writes_ == limit_) {
      return false;
    }
    ++writes_;
    body_ += bytes;
    return true;
  }
  [[nodiscard]] const std::string& body() const { return body_; }
  // The data of every event.
  [[nodiscard]] std::vector<std::string> events() const {
    std::vector<std::string> found;
    std::size_t at = 0;
    while ((at = body_.find("data: ", at)) != std::string::npos) {
      const std::size_t end = body_.find("\n\n", at);
      found.push_back(body_.substr(at + 6, end - at - 6));
      at = end;
    }
    return found;
  }

 private:
  const int limit_;
  int writes_ = 0;
  std::string body_;
};

class GenerationTest : public testing::Test {
 protected:
  explicit GenerationTest(const engine::EngineConfig& config = GenerationTest::config())
      : engine_(config) {}
  static engine::EngineConfig config() {
    engine::EngineConfig config;
    config.model_folder = test::default_model_folder();
    return config;
  }
  Request post(const Json& body) const {
    Request request;
    request.method = "POST";
    request.body = body.dump();
    request.request_id = "req-1";
    request.headers["x-hub-model"] = "the/name";
    return request;
  }
  static Json chat_body(int max_tokens) {
    return {
        {"messages", {{{"role", "user"}, {"content", "What is the capital of France?"}}}},
        {"temperature", 0},
        {"max_tokens", max_tokens}};
  }
  static Json json_of(const Response& response) {
    EXPECT_EQ(response.status, 200);
    return Json::parse(response.body);
  }
  template <typename Handle>
  base::Error refusal(Handle handle, const Json& body) {
    try {
      handle(model_, post(body));
    } catch (const base::Error& error) {
      return error;
    }
    ADD_FAILURE() << "accepted: " << body.dump();
    return base::Error(base::ErrorCode::kInternal, "accepted");
  }
  // Waits until the engine has nothing left to do.
  bool becomes_idle() {
    for (int i = 0; i < 2000; ++i) {
      const engine::EngineStats stats = engine_.stats();
      if (stats.running + stats.waiting == 0) {
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  static std::shared_ptr<const text::Tokenizer> model_tokenizer() {
    return text::Tokenizer::load(test::default_model_folder());
  }

  engine::Engine engine_;
  std::vector<base::EngineUsage> usages_;
  ServedModel model_{
      .name = "smol",
      .engine = engine_,
      .tokenizer = model_tokenizer(),
      .chat_template = text::ChatTemplate::load(test::default_model_folder()),
      .stop_ids = engine_.model_config().eos_token_ids,
      .grammars = std::make_shared<const Grammars>(
          model_tokenizer(),
          engine_.model_config().vocab_size,
          engine_.model_config().eos_token_ids),
      .on_usage = [this](const base::EngineUsage& usage) { usages_.push_back(usage); }};
};

}  // namespace hub::api
