#include "api/openai/responses_response.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hub::api {
namespace {

using base::Json;
using Kind = chat::ChatPiece::Kind;

std::unique_ptr<ResponsesFormat> format() {
  const Json repeated = {{"metadata", {{"a", "b"}}}, {"store", true}};
  return std::make_unique<ResponsesFormat>(
      AnswerHead{.id = "resp_1", .created_s = 1750000000, .model = "m"},
      std::make_shared<const Json>(repeated));
}

struct Event {
  std::string type;
  Json data;
};

// The events of a stream's bytes; checks that names, types and numbers agree.
std::vector<Event> events(const std::string& bytes) {
  std::vector<Event> found;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t end = bytes.find("\n\n", at);
    const std::string event = bytes.substr(at, end - at);
    at = end + 2;
    const std::size_t line = event.find("\ndata: ");
    EXPECT_TRUE(event.starts_with("event: ")) << event;
    found.push_back({event.substr(7, line - 7), Json::parse(event.substr(line + 7))});
    EXPECT_EQ(found.back().data.at("type"), found.back().type);
    EXPECT_EQ(found.back().data.begin().key(), "type") << "who stores answers looks there";
    EXPECT_EQ(found.back().data.at("sequence_number"), found.size() - 1);
  }
  return found;
}

std::vector<std::string> types(const std::vector<Event>& events) {
  std::vector<std::string> result;
  for (const Event& event : events) {
    result.push_back(event.type.substr(std::string_view("response.").size()));
  }
  return result;
}

constexpr AnswerUsage kUsage{.prompt_tokens = 5, .cached_tokens = 2, .completion_tokens = 3};

TEST(ResponsesFormat, OnlyTheTextsTokensAreTold) {
  std::vector<AnswerToken> tokens(3);
  tokens[0] = {.bytes = "Hm", .is_text = false};
  tokens[1] = {.bytes = "Paris", .logprob = -0.5F};
  tokens[2] = {.bytes = "<call>", .is_text = false};
  const Json answer = Json::parse(
      format()->whole(
          {{.text = "Paris", .finish_reason = "stop", .tokens = tokens, .reasoning = "Hm"}},
          kUsage));
  const Json& logprobs = answer["output"][1]["content"][0]["logprobs"];
  ASSERT_EQ(logprobs.size(), 1U);
  EXPECT_EQ(logprobs[0]["token"], "Paris");
}

TEST(ResponsesFormat, WholeAnswer) {
  const Json answer =
      Json::parse(format()->whole({{.text = "Paris.", .finish_reason = "stop"}}, kUsage));
  EXPECT_EQ(answer["id"], "resp_1");
  EXPECT_EQ(answer["object"], "response");
  EXPECT_EQ(answer["status"], "completed");
  EXPECT_EQ(answer["metadata"]["a"], "b");
  EXPECT_TRUE(answer["incomplete_details"].is_null());
  ASSERT_EQ(answer["output"].size(), 1U);
  const Json& message = answer["output"][0];
  EXPECT_EQ(message["role"], "assistant");
  EXPECT_EQ(
      message["content"],
      Json::parse(R"([{"type":"output_text","text":"Paris.","annotations":[],"logprobs":[]}])"));
  EXPECT_EQ(
      answer["usage"], Json::parse(R"({"input_tokens":5,"input_tokens_details":{"cached_tokens":2},
        "output_tokens":3,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":8})"));
}

TEST(ResponsesFormat, WholeAnswerWithThoughtsAndCallsThatWasCutOff) {
  const Json answer = Json::parse(
      format()->whole(
          {{.text = "",
            .finish_reason = "length",
            .reasoning = "Hm.",
            .calls = {{"c1", "f", "{}"}, {"c2", "g", "{\"a\":"}}}},
          kUsage));
  EXPECT_EQ(answer["status"], "incomplete");
  EXPECT_EQ(answer["incomplete_details"]["reason"], "max_output_tokens");
  ASSERT_EQ(answer["output"].size(), 3U);
  EXPECT_EQ(answer["output"][0]["type"], "reasoning");
  EXPECT_EQ(answer["output"][0]["status"], "completed");
  EXPECT_EQ(answer["output"][0]["content"][0]["text"], "Hm.");
  EXPECT_EQ(answer["output"][1]["status"], "completed");
  EXPECT_EQ(answer["output"][2]["call_id"], "c2");
  EXPECT_EQ(answer["output"][2]["status"], "incomplete");
}

TEST(ResponsesFormat, AStreamOfText) {
  const auto stream = format();
  std::string bytes = stream->opening(0);
  bytes += stream->piece(0, {.text = "Pa"});
  bytes += stream->piece(0, {.text = "ris"});
  bytes += stream->piece(0, {.text = {}, .finish_reason = "stop"});
  bytes += stream->ending(kUsage);
  const std::vector<Event> said = events(bytes);
  EXPECT_EQ(
      types(said),
      (std::vector<std::string>{
          "created",
          "in_progress",
          "output_item.added",
          "content_part.added",
          "output_text.delta",
          "output_text.delta",
          "output_text.done",
          "content_part.done",
          "output_item.done",
          "completed"}));
  EXPECT_EQ(said[0].data["response"]["status"], "in_progress");
  EXPECT_EQ(said[2].data["item"]["content"], Json::array());
  const Json& id = said[2].data["item"]["id"];
  for (std::size_t i = 3; i < 8; ++i) {
    EXPECT_EQ(said[i].data["item_id"], id) << i;
    EXPECT_EQ(said[i].data["output_index"], 0);
    EXPECT_EQ(said[i].data["content_index"], 0);
  }
  EXPECT_EQ(said[5].data["delta"], "ris");
  EXPECT_EQ(said[6].data["text"], "Paris");
  EXPECT_EQ(said[8].data["item"]["content"][0]["text"], "Paris");
  EXPECT_EQ(said[9].data["response"]["output"][0], said[8].data["item"]);
  EXPECT_EQ(said[9].data["response"]["usage"]["total_tokens"], 8);
}

TEST(ResponsesFormat, AStreamOfThoughtsTextAndCalls) {
  const auto stream = format();
  std::string bytes = stream->opening(0);
  bytes += stream->piece(0, {.text = "Hm", .kind = Kind::kReasoning});
  bytes += stream->piece(0, {.text = "I call."});
  bytes += stream->piece(
      0, {.text = {}, .kind = Kind::kCallBegins, .call = 0, .call_id = "c1", .call_name = "f"});
  bytes += stream->piece(0, {.text = "{\"a\":", .kind = Kind::kArguments, .call = 0});
  bytes += stream->piece(0, {.text = "1}", .kind = Kind::kArguments, .call = 0});
  bytes += stream->piece(0, {.text = {}, .kind = Kind::kCallEnds, .call = 0});
  bytes += stream->piece(
      0, {.text = {}, .kind = Kind::kCallBegins, .call = 1, .call_id = "c2", .call_name = "g"});
  bytes += stream->piece(0, {.text = "{", .kind = Kind::kArguments, .call = 1});
  bytes += stream->piece(0, {.text = {}, .finish_reason = "length"});
  bytes += stream->ending(kUsage);
  const std::vector<Event> said = events(bytes);
  EXPECT_EQ(
      types(said),
      (std::vector<std::string>{
          "created",
          "in_progress",
          "output_item.added",
          "content_part.added",
          "reasoning_text.delta",
          "reasoning_text.done",
          "content_part.done",
          "output_item.done",
          "output_item.added",
          "content_part.added",
          "output_text.delta",
          "output_text.done",
          "content_part.done",
          "output_item.done",
          "output_item.added",
          "function_call_arguments.delta",
          "function_call_arguments.delta",
          "function_call_arguments.done",
          "output_item.done",
          "output_item.added",
          "function_call_arguments.delta",
          "function_call_arguments.done",
          "output_item.done",
          "incomplete"}));
  const Json& response = said.back().data["response"];
  ASSERT_EQ(response["output"].size(), 4U);
  EXPECT_EQ(response["output"][2]["arguments"], "{\"a\":1}");
  EXPECT_EQ(response["output"][2]["status"], "completed");
  EXPECT_EQ(response["output"][3]["status"], "incomplete");
  EXPECT_EQ(response["incomplete_details"]["reason"], "max_output_tokens");
  for (std::size_t i = 0; i < said.size(); ++i) {
    const std::size_t item = i < 8 ? 0 : i < 14 ? 1 : i < 19 ? 2 : 3;
    if (said[i].data.contains("output_index")) {
      EXPECT_EQ(said[i].data["output_index"], item) << i;
    }
  }
}

TEST(ResponsesFormat, TokensWithoutTextBeginNoMessage) {
  const auto stream = format();
  std::string bytes = stream->opening(0);
  const std::vector<AnswerToken> mark = {{.bytes = "</think>", .logprob = -0.5F}};
  EXPECT_EQ(stream->piece(0, {.text = {}, .tokens = mark}), "");
}

TEST(ResponsesFormat, AnAnswerOfNothingIsAnEmptyMessage) {
  const auto stream = format();
  std::string bytes = stream->opening(0);
  bytes += stream->piece(0, {.text = {}, .finish_reason = "stop"});
  bytes += stream->ending({});
  const Json response = events(bytes).back().data["response"];
  ASSERT_EQ(response["output"].size(), 1U);
  EXPECT_EQ(response["output"][0]["content"][0]["text"], "");
}

TEST(ResponsesFormat, AFailureClosesWhatIsOpen) {
  const auto stream = format();
  std::string bytes = stream->opening(0);
  bytes += stream->piece(0, {.text = "Pa"});
  bytes += stream->failure(
      base::Error(base::ErrorCode::kUnavailable, "the engine ends", {}, "engine_ends"));
  const std::vector<Event> said = events(bytes);
  EXPECT_EQ(said.back().type, "response.failed");
  const Json& response = said.back().data["response"];
  EXPECT_EQ(response["status"], "failed");
  EXPECT_EQ(
      response["error"], Json::parse(R"({"code":"engine_ends","message":"the engine ends"})"));
  EXPECT_EQ(response["output"][0]["status"], "incomplete");
}

TEST(ResponsesFormat, TellsLogprobsWithTheText) {
  const auto stream = format();
  const std::vector<AnswerToken> tokens = {{.bytes = "Pa", .logprob = -0.5F}};
  std::string bytes = stream->opening(0);
  bytes += stream->piece(0, {.text = "Pa", .tokens = tokens});
  bytes += stream->piece(0, {.text = {}, .finish_reason = "stop"});
  bytes += stream->ending({});
  const std::vector<Event> said = events(bytes);
  EXPECT_EQ(said[4].data["logprobs"][0]["token"], "Pa");
  EXPECT_EQ(said.back().data["response"]["output"][0]["content"][0]["logprobs"].size(), 1U);
}

}  // namespace
}  // namespace hub::api
