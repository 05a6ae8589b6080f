#include "api/openai/completion_request.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {
namespace {

CompletionRequest parse(const std::string& text) {
  return CompletionRequest::from_json(base::parse_json(text, "request body"));
}

std::string param_of(const std::string& text) {
  try {
    static_cast<void>(parse(text));
  } catch (const base::Error& error) {
    return error.param();
  }
  return "(accepted)";
}

TEST(CompletionRequest, PromptForms) {
  EXPECT_EQ(parse(R"({"prompt":"a"})").prompts, (std::vector<Prompt>{"a"}));
  EXPECT_EQ(parse(R"({"prompt":["a","b"]})").prompts, (std::vector<Prompt>{"a", "b"}));
  EXPECT_EQ(parse(R"({"prompt":[1,2]})").prompts, (std::vector<Prompt>{std::vector{1, 2}}));
  EXPECT_EQ(
      parse(R"({"prompt":[[1],[2,3]]})").prompts,
      (std::vector<Prompt>{std::vector{1}, std::vector{2, 3}}));
}

TEST(CompletionRequest, WrongPromptsAreNamedByPath) {
  EXPECT_EQ(param_of(R"({})"), "prompt");
  EXPECT_EQ(param_of(R"({"prompt":[]})"), "prompt");
  EXPECT_EQ(param_of(R"({"prompt":7})"), "prompt");
  EXPECT_EQ(param_of(R"({"prompt":{"a":1}})"), "prompt");
  EXPECT_EQ(param_of(R"({"prompt":[1,-2]})"), "prompt[1]");
  EXPECT_EQ(param_of(R"({"prompt":[1,2.5]})"), "prompt[1]");
  EXPECT_EQ(param_of(R"({"prompt":[1,"a"]})"), "prompt[1]");
  EXPECT_EQ(param_of(R"({"prompt":["a",[]]})"), "prompt[1]");
  EXPECT_EQ(param_of(R"({"prompt":[99999999999]})"), "prompt[0]");
  std::string many = R"({"prompt":["a")";
  for (int i = 0; i < 64; ++i) {
    many += R"(,"a")";
  }
  EXPECT_EQ(param_of(many + "]}"), "prompt");
}

TEST(CompletionRequest, WhatWouldChangeTheAnswerIsRefusedByName) {
  EXPECT_EQ(param_of(R"({"prompt":"a","suffix":"b"})"), "suffix");
  EXPECT_EQ(param_of(R"({"prompt":"a","logprobs":21})"), "logprobs");
  EXPECT_EQ(param_of(R"({"prompt":"a","logprobs":"yes"})"), "logprobs");
  EXPECT_EQ(param_of(R"({"prompt":["a","b"],"n":65})"), "n");
  EXPECT_EQ(param_of(R"({"prompt":"a","echo":false,"suffix":null,"logprobs":null})"), "(accepted)");
}

TEST(CompletionRequest, WhoGetsThePromptBackMayWantNothingElse) {
  EXPECT_EQ(param_of(R"({"prompt":"a","max_tokens":0})"), "max_tokens");
  EXPECT_EQ(param_of(R"({"prompt":"a","echo":"yes"})"), "echo");
  EXPECT_FALSE(parse(R"({"prompt":"a"})").options.echo);
  const GenerationOptions options = parse(R"({"prompt":"a","echo":true,"max_tokens":0})").options;
  EXPECT_TRUE(options.echo);
  EXPECT_EQ(options.max_tokens, 0);
}

TEST(CompletionRequest, LogprobsAreACountOrAYes) {
  const auto options = [](const char* logprobs) {
    const std::string body = fmt::format(R"({{"prompt":"a","logprobs":{}}})", logprobs);
    return CompletionRequest::from_json(base::Json::parse(body)).options;
  };
  EXPECT_TRUE(options("0").logprobs);
  EXPECT_EQ(options("5").sampling.top_logprobs, 5);
  EXPECT_TRUE(options("true").logprobs);
  EXPECT_FALSE(options("false").logprobs);
  EXPECT_FALSE(options("null").logprobs);
}

}  // namespace
}  // namespace hub::api
