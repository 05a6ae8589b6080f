#include "api/ollama/ollama_request.h"

#include <functional>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Json;

Json chat_body(Json options = Json::object()) {
  return {
      {"model", "m:latest"},
      {"messages", Json::array({{{"role", "user"}, {"content", "Hi"}}})},
      {"options", std::move(options)}};
}

template <typename Read>
void expect_refused(
    Read read, const Json& json, const std::string& param, const std::string& reason = "") {
  try {
    static_cast<void>(read(json));
    ADD_FAILURE() << "accepted: " << json.dump();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument) << error.what();
    EXPECT_EQ(error.param(), param) << error.what();
    EXPECT_EQ(error.reason(), reason) << error.what();
  }
}

TEST(OllamaRequest, AnswersStreamUnlessTheyMustNot) {
  Json json = chat_body();
  EXPECT_TRUE(ollama_chat(json).options.stream);
  json["stream"] = false;
  EXPECT_FALSE(ollama_chat(json).options.stream);
}

TEST(OllamaRequest, ReadsOptions) {
  const ChatRequest chat = ollama_chat(chat_body(
      {{"num_predict", 9},
       {"temperature", 0.5},
       {"top_k", 4},
       {"top_p", 0.5},
       {"min_p", 0.25},
       {"seed", 7},
       {"stop", {"a", "b"}},
       {"repeat_penalty", 1.5},
       {"repeat_last_n", 32},
       {"presence_penalty", 0.5},
       {"frequency_penalty", 0.25},
       {"num_ctx", 4096}}));
  const engine::SamplingParams& sampling = chat.options.sampling;
  EXPECT_EQ(chat.options.model, "m:latest");
  EXPECT_EQ(chat.options.max_tokens, 9);
  EXPECT_FLOAT_EQ(sampling.temperature, 0.5F);
  EXPECT_EQ(sampling.top_k, 4);
  EXPECT_FLOAT_EQ(sampling.top_p, 0.5F);
  EXPECT_FLOAT_EQ(sampling.min_p, 0.25F);
  EXPECT_EQ(sampling.seed, 7U);
  EXPECT_EQ(chat.options.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_FLOAT_EQ(sampling.rules.repetition_penalty, 1.5F);
  EXPECT_EQ(sampling.rules.repetition_context, 32);
  EXPECT_FLOAT_EQ(sampling.rules.presence_penalty, 0.5F);
  EXPECT_EQ(sampling.rules.presence_context, 32);
  EXPECT_FLOAT_EQ(sampling.rules.frequency_penalty, 0.25F);
  EXPECT_EQ(sampling.rules.frequency_context, 32);
}

TEST(OllamaRequest, WithoutOptionsNothingIsLimited) {
  for (const int none : {-2, -1, 0}) {
    EXPECT_EQ(ollama_chat(chat_body({{"num_predict", none}})).options.max_tokens, std::nullopt);
  }
  EXPECT_EQ(ollama_chat(chat_body()).options.max_tokens, std::nullopt);
  EXPECT_EQ(ollama_chat(chat_body({{"seed", -1}})).options.sampling.seed, std::nullopt);
}

TEST(OllamaRequest, HoldsAnswersToAFormat) {
  Json json = chat_body();
  json["format"] = "json";
  EXPECT_EQ(ollama_chat(json).options.grammar->kind, text::GrammarSpec::Kind::kJsonObject);
  json["format"] = {{"type", "object"}};
  EXPECT_EQ(ollama_chat(json).options.grammar->text, R"({"type":"object"})");
  json["format"] = "";
  EXPECT_FALSE(ollama_chat(json).options.grammar);
  json["format"] = "yaml";
  expect_refused(ollama_chat, json, "format");
}

TEST(OllamaRequest, TellsTheTemplateToThink) {
  Json json = chat_body();
  json["think"] = false;
  EXPECT_EQ(ollama_chat(json).template_kwargs->dump(), R"({"enable_thinking":false})");
  json["think"] = "high";
  EXPECT_EQ(
      ollama_chat(json).template_kwargs->dump(),
      R"({"enable_thinking":true,"reasoning_effort":"high"})");
  json["think"] = 7;
  expect_refused(ollama_chat, json, "think");
}

TEST(OllamaRequest, APromptIsAConversationOrAText) {
  Json json = {{"model", "m"}, {"prompt", "Hi"}, {"system", "Be brief."}};
  const OllamaGenerate asked = ollama_generate(json);
  const auto* chat = std::get_if<ChatRequest>(&asked);
  ASSERT_NE(chat, nullptr);
  ASSERT_EQ(chat->messages.size(), 2U);
  EXPECT_EQ(chat->messages[0].role, "system");
  EXPECT_EQ(chat->messages[1].content, "Hi");
  EXPECT_EQ(options_of(asked).model, "m");
  json["raw"] = true;
  const OllamaGenerate raw = ollama_generate(json);
  const auto* text = std::get_if<CompletionRequest>(&raw);
  ASSERT_NE(text, nullptr);
  EXPECT_EQ(std::get<std::string>(text->prompts.at(0)), "Hi");
}

TEST(OllamaRequest, LikelihoodsOfBothKinds) {
  Json json = {{"model", "m"}, {"prompt", "Hi"}, {"logprobs", true}, {"top_logprobs", 3}};
  for (const bool raw : {false, true}) {
    json["raw"] = raw;
    const OllamaGenerate asked = ollama_generate(json);
    EXPECT_TRUE(options_of(asked).logprobs);
    EXPECT_EQ(options_of(asked).sampling.top_logprobs, 3);
  }
}

TEST(OllamaRequest, RefusesWhatWouldChangeTheAnswer) {
  const Json json = {{"model", "m"}, {"prompt", "Hi"}};
  for (const auto& [field, value] : std::vector<std::pair<const char*, Json>>{
           {"images", {"aGk="}},
           {"template", "{{ .Prompt }}"},
           {"suffix", "x"},
           {"context", {1, 2}}}) {
    Json more = json;
    more[field] = value;
    expect_refused(ollama_generate, more, field, "unsupported_parameter");
  }
  Json nothing = json;
  nothing.update(
      {{"images", Json::array()}, {"template", ""}, {"suffix", ""}, {"context", Json::array()}});
  EXPECT_NO_THROW(ollama_generate(nothing));
  Json image = chat_body();
  image["messages"][0]["images"] = {"aGk="};
  expect_refused(ollama_chat, image, "messages[0].images", "unsupported_parameter");
  expect_refused(
      ollama_chat, chat_body({{"mirostat", 1}}), "options.mirostat", "unsupported_parameter");
}

TEST(OllamaRequest, NamesTheFieldThatTheClientSent) {
  expect_refused(ollama_chat, chat_body({{"temperature", 3}}), "options.temperature");
  expect_refused(ollama_chat, chat_body({{"num_predict", "x"}}), "options.num_predict");
  expect_refused(ollama_chat, chat_body({{"repeat_penalty", -1}}), "options.repeat_penalty");
  expect_refused(ollama_chat, chat_body({{"stop", 7}}), "options.stop");
  expect_refused(ollama_embed, {{"model", "m"}, {"input", 7}}, "input");
  expect_refused(ollama_embeddings, {{"model", "m"}, {"prompt", ""}}, "prompt");
}

TEST(OllamaRequest, ReadsTextsToEmbed) {
  const EmbeddingRequest embed =
      ollama_embed({{"model", "m"}, {"input", {"a", "b"}}, {"dimensions", 8}, {"keep_alive", 60}});
  EXPECT_EQ(embed.inputs.size(), 2U);
  EXPECT_EQ(embed.dimensions, 8);
  EXPECT_EQ(embed.keep_alive_seconds, 60.0);
  EXPECT_TRUE(embed.normalize);
  EXPECT_TRUE(embed.truncates);
  EXPECT_FALSE(ollama_embed({{"model", "m"}, {"input", "a"}, {"truncate", false}}).truncates);
  EXPECT_FALSE(ollama_embeddings({{"model", "m"}, {"prompt", "a"}}).normalize);
}

TEST(OllamaRequest, WithoutAPromptAModelIsOnlyLoaded) {
  EXPECT_FALSE(ollama_load(chat_body(), "messages"));
  const auto load = ollama_load({{"model", "m"}, {"messages", Json::array()}}, "messages");
  ASSERT_TRUE(load);
  EXPECT_EQ(load->model, "m");
  EXPECT_EQ(load->keep_alive_seconds, std::nullopt);
  const auto unload = ollama_load({{"model", "m"}, {"prompt", ""}, {"keep_alive", 0}}, "prompt");
  ASSERT_TRUE(unload);
  EXPECT_EQ(unload->keep_alive_seconds, 0.0);
}

}  // namespace
}  // namespace hub::api
