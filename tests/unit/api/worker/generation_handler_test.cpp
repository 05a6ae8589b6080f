#include <chrono>
#include <numeric>
#include <thread>

#include "api/server/http_error.h"
#include "api/worker/chat_handler.h"
#include "api/worker/completion_handler.h"
#include "core/base/clock.h"
#include "tests/unit/api/worker/generation_test.h"

namespace hub::api {
namespace {

TEST_F(GenerationTest, ChatAnswersInOnePiece) {
  const Json answer = json_of(handle_chat(model_, post(chat_body(40))));
  EXPECT_EQ(answer["object"], "chat.completion");
  EXPECT_EQ(answer["model"], "the/name");
  const Json& choice = answer["choices"][0];
  EXPECT_NE(choice["message"]["content"].get<std::string>().find("Paris"), std::string::npos);
  EXPECT_EQ(choice["finish_reason"], "stop");
  ASSERT_EQ(usages_.size(), 1U);
  EXPECT_EQ(usages_[0].request_id, "req-1");
  EXPECT_EQ(usages_[0].finish_reason, "stop");
  EXPECT_EQ(usages_[0].prompt_tokens, answer["usage"]["prompt_tokens"]);
  EXPECT_EQ(usages_[0].completion_tokens, answer["usage"]["completion_tokens"]);
  EXPECT_GT(usages_[0].ttft_seconds, 0.0);
  EXPECT_LE(usages_[0].ttft_seconds, usages_[0].seconds);
}

// What holds of every usage: one part follows the other, and each gap between tokens is counted.
void expect_adds_up(const base::EngineUsage& usage, int choices) {
  EXPECT_GT(usage.queue_seconds, 0.0);
  EXPECT_GT(usage.prefill_seconds, 0.0);
  EXPECT_GT(usage.decode_seconds, 0.0);
  const double first_token = usage.queue_seconds + usage.prefill_seconds;
  EXPECT_LE(first_token, usage.ttft_seconds);
  EXPECT_LE(first_token + usage.decode_seconds, usage.seconds);
  const auto& counts = usage.inter_token.counts;
  EXPECT_EQ(
      std::accumulate(counts.begin(), counts.end(), std::int64_t{0}),
      usage.completion_tokens - choices);
  const double age = static_cast<double>(base::unix_ns() - usage.started_ns) / 1e9;
  EXPECT_GE(age, usage.seconds);
  EXPECT_LT(age, usage.seconds + 60.0);
}

TEST_F(GenerationTest, TimesOfARequestAddUp) {
  Request request = post(chat_body(20));
  request.headers["traceparent"] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  json_of(handle_chat(model_, request));
  ASSERT_EQ(usages_.size(), 1U);
  expect_adds_up(usages_[0], 1);
  EXPECT_NEAR(usages_[0].inter_token.seconds, usages_[0].decode_seconds, 1e-6);
  EXPECT_EQ(usages_[0].traceparent, request.headers["traceparent"]);
  EXPECT_EQ(usages_[0].adapter, "");
}

TEST_F(GenerationTest, TimesOfSeveralChoicesAreOneRequests) {
  json_of(handle_completion(
      model_,
      post({{"prompt", {"The sky is", "Once upon a time"}}, {"max_tokens", 8}, {"seed", 1}})));
  ASSERT_EQ(usages_.size(), 1U);
  expect_adds_up(usages_[0], 2);
  EXPECT_EQ(usages_[0].completion_tokens, 16);
  // They decode side by side.
  EXPECT_GT(usages_[0].inter_token.seconds, usages_[0].decode_seconds);
}

TEST_F(GenerationTest, ARequestThatNeverBeganSpentItsTimeInTheQueue) {
  engine::EngineConfig one = config();
  one.max_running = 1;
  engine::Engine engine(one);
  ServedModel model{
      .name = "smol",
      .engine = engine,
      .tokenizer = model_.tokenizer,
      .chat_template = model_.chat_template,
      .stop_ids = {},
      .grammars = model_.grammars,
      .on_usage = model_.on_usage};
  const Response running = handle_chat(model, [this] {
    Json body = chat_body(4000);
    body["stream"] = true;
    return post(body);
  }());
  while (engine.stats().generated_tokens == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  Request waiting = post(chat_body(4));
  std::thread disconnect([&] {
    while (engine.stats().waiting == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    waiting.on_cancel->fire();
  });
  EXPECT_THROW(handle_chat(model, waiting), base::Error);
  disconnect.join();
  ASSERT_EQ(usages_.size(), 1U);
  EXPECT_EQ(usages_[0].finish_reason, "cancelled");
  EXPECT_EQ(usages_[0].queue_seconds, usages_[0].seconds);
  EXPECT_EQ(usages_[0].prefill_seconds, 0.0);
  EXPECT_EQ(usages_[0].decode_seconds, 0.0);
}

TEST_F(GenerationTest, StreamSaysTheSameAsOnePiece) {
  const Json whole = json_of(handle_chat(model_, post(chat_body(40))));
  Json body = chat_body(40);
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  const Request request = post(body);
  const Response response = handle_chat(model_, request);
  SseClient client;
  response.stream(client);
  const std::vector<std::string> events = client.events();
  ASSERT_GT(events.size(), 5U);
  std::string text;
  for (std::size_t i = 0; i + 2 < events.size(); ++i) {
    const Json chunk = Json::parse(events[i]);
    EXPECT_EQ(chunk["object"], "chat.completion.chunk");
    EXPECT_EQ(chunk["id"], Json::parse(events[0])["id"]);
    const Json& delta = chunk["choices"][0]["delta"];
    EXPECT_EQ(delta.contains("role"), i == 0);
    text += delta.value("content", "");
  }
  EXPECT_EQ(text, whole["choices"][0]["message"]["content"].get<std::string>());
  EXPECT_EQ(Json::parse(events[events.size() - 3])["choices"][0]["finish_reason"], "stop");
  Json usage = Json::parse(events[events.size() - 2])["usage"];
  // The first answer left its prompt.
  EXPECT_EQ(usage["prompt_tokens_details"]["cached_tokens"], usage["prompt_tokens"].get<int>() - 1);
  for (const char* details : {"prompt_tokens_details", "completion_tokens_details"}) {
    usage[details] =
        whole["usage"][details];  // what was guessed depends on the time that steps took
  }
  EXPECT_EQ(usage, whole["usage"]);
  EXPECT_EQ(events.back(), "[DONE]");
}

TEST_F(GenerationTest, StopStringEndsTheAnswer) {
  Json body = chat_body(40);
  body["stop"] = {"France is"};
  const Json answer = json_of(handle_chat(model_, post(body)));
  EXPECT_EQ(answer["choices"][0]["message"]["content"], "The capital of ");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(becomes_idle());
}

TEST_F(GenerationTest, LengthIsAFinishReason) {
  const Json answer = json_of(handle_chat(model_, post(chat_body(2))));
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(answer["usage"]["completion_tokens"], 2);
}

TEST_F(GenerationTest, SeveralPromptsGiveSeveralChoices) {
  const std::vector<int> ids = model_.tokenizer->encode("Once upon a time");
  const auto choices = [&](const Json& prompt) {
    return json_of(handle_completion(
        model_, post({{"prompt", prompt}, {"temperature", 0}, {"max_tokens", 8}})))["choices"];
  };
  const Json alone = choices("Once upon a time");
  EXPECT_EQ(choices(ids), alone);
  const Json both = choices({"The sky is", "Once upon a time"});
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[1]["index"], 1);
  EXPECT_EQ(both[1]["text"], alone[0]["text"]);
  EXPECT_NE(both[0]["text"], both[1]["text"]);
}

TEST_F(GenerationTest, TextStreamEndsWithDone) {
  const Request request =
      post({{"prompt", {"a", "b"}}, {"max_tokens", 3}, {"stream", true}, {"seed", 1}});
  SseClient client;
  handle_completion(model_, request).stream(client);
  const std::vector<std::string> events = client.events();
  EXPECT_EQ(events.back(), "[DONE]");
  const Json last = Json::parse(events[events.size() - 2]);
  EXPECT_EQ(last["object"], "text_completion");
  EXPECT_EQ(last["choices"][0]["index"], 1);
  EXPECT_EQ(last["choices"][0]["finish_reason"], "length");
}

TEST_F(GenerationTest, ClientThatIsGoneEndsGeneration) {
  Json body = chat_body(4000);
  body["stream"] = true;
  body["messages"][0]["content"] = "Tell me a very long story.";
  {
    const Request request = post(body);
    const Response response = handle_chat(model_, request);
    SseClient client(4);
    response.stream(client);
  }
  EXPECT_TRUE(becomes_idle());
  ASSERT_EQ(usages_.size(), 1U);
  EXPECT_EQ(usages_[0].finish_reason, "cancelled");
  EXPECT_LT(usages_[0].completion_tokens, 100);
}

TEST_F(GenerationTest, DisconnectWhileCollectingEndsGeneration) {
  Json body = chat_body(4000);
  body["messages"][0]["content"] = "Tell me a very long story.";
  const Request request = post(body);
  std::thread disconnect([&] {
    while (engine_.stats().generated_tokens < 3) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    request.on_cancel->fire();
  });
  EXPECT_THROW(handle_chat(model_, request), base::Error);
  disconnect.join();
  EXPECT_TRUE(becomes_idle());
  EXPECT_EQ(usages_.at(0).finish_reason, "cancelled");
}

TEST_F(GenerationTest, EngineThatStopsMidStreamSendsAnErrorAndNoDone) {
  Json body = chat_body(4000);
  body["stream"] = true;
  body["messages"][0]["content"] = "Tell me a very long story.";
  const Request request = post(body);
  const Response response = handle_chat(model_, request);
  // What the engine's end does to every stream: it ends them without their reader's asking.
  request.on_cancel->fire();
  SseClient client;
  response.stream(client);
  const std::vector<std::string> events = client.events();
  EXPECT_EQ(Json::parse(events.back())["error"]["type"], "unavailable_error");
}

TEST_F(GenerationTest, TooLongPromptBlamesTheRightField) {
  std::string text;
  for (int i = 0; i < 9000; ++i) {
    text += "word ";
  }
  const base::Error chat =
      refusal(handle_chat, {{"messages", {{{"role", "user"}, {"content", text}}}}});
  EXPECT_EQ(chat.reason(), "context_length_exceeded");
  EXPECT_EQ(chat.param(), "messages");
  const base::Error completion = refusal(handle_completion, {{"prompt", text}});
  EXPECT_EQ(completion.reason(), "context_length_exceeded");
  EXPECT_EQ(completion.param(), "prompt");
  EXPECT_TRUE(usages_.empty());
}

TEST_F(GenerationTest, WrongRequestsAreRefused) {
  EXPECT_EQ(refusal(handle_completion, {{"prompt", ""}}).code(), base::ErrorCode::kInvalidArgument);
  EXPECT_EQ(
      refusal(handle_completion, {{"prompt", {999999}}}).code(), base::ErrorCode::kInvalidArgument);
  Request unknown_adapter = post(chat_body(3));
  unknown_adapter.headers["x-hub-adapter"] = "nobody";
  EXPECT_EQ(
      answer([&](const Request& r) { return handle_chat(model_, r); }, unknown_adapter).status,
      404);
  model_.chat_template = nullptr;
  EXPECT_EQ(refusal(handle_chat, chat_body(3)).reason(), "no_chat_template");
}

}  // namespace
}  // namespace hub::api
