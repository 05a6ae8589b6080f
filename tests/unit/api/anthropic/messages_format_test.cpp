#include "api/anthropic/messages_format.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Json;

MessagesFormat format() {
  return {{.id = "msg_1", .model = "m"}, 12, "req-1"};
}

struct Event {
  std::string name;
  Json data;
};

std::vector<Event> events(const std::string& text) {
  std::vector<Event> found;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text.find("\n\n", at);
    const std::string event = text.substr(at, end - at);
    const std::size_t line = event.find('\n');
    EXPECT_TRUE(event.starts_with("event: ") && event.substr(line + 1).starts_with("data: "))
        << event;
    found.push_back({event.substr(7, line - 7), Json::parse(event.substr(line + 7))});
    EXPECT_EQ(found.back().name, found.back().data["type"]);
    at = end + 2;
  }
  return found;
}

TEST(MessagesFormat, WholeMessage) {
  const Json message = Json::parse(
      format().whole(
          {{.text = "Paris.", .finish_reason = "stop"}},
          {.prompt_tokens = 12, .cached_tokens = 8, .completion_tokens = 3}));
  EXPECT_EQ(
      message.dump(),
      R"({"id":"msg_1","type":"message","role":"assistant","model":"m",)"
      R"("content":[{"type":"text","text":"Paris."}],"stop_reason":"end_turn","stop_sequence":null,)"
      R"("usage":{"input_tokens":4,"cache_creation_input_tokens":0,"cache_read_input_tokens":8,)"
      R"("output_tokens":3}})");
}

TEST(MessagesFormat, SaysWhyItStopped) {
  const auto stop = [](AnswerChoice choice) {
    return Json::parse(format().whole({std::move(choice)}, {}));
  };
  EXPECT_EQ(stop({.text = "a", .finish_reason = "length"})["stop_reason"], "max_tokens");
  const AnswerChoice called{
      .text = "a", .finish_reason = "tool_calls", .calls = {{"c1", "f", "{}"}}};
  EXPECT_EQ(stop(called)["stop_reason"], "tool_use");
  const Json at_string = stop({.text = "", .finish_reason = "stop", .stop = "END"});
  EXPECT_EQ(at_string["stop_reason"], "stop_sequence");
  EXPECT_EQ(at_string["stop_sequence"], "END");
  EXPECT_EQ(at_string["content"], Json::array());
}

TEST(MessagesFormat, EventsOfAStream) {
  MessagesFormat stream = format();
  const auto begin = events(stream.opening(0));
  ASSERT_EQ(begin.size(), 2U);
  EXPECT_EQ(begin[0].name, "message_start");
  EXPECT_EQ(begin[0].data["message"]["content"], Json::array());
  EXPECT_EQ(begin[0].data["message"]["usage"]["input_tokens"], 12);
  EXPECT_EQ(begin[1].name, "ping");
  const auto first = events(stream.piece(0, {.text = "Pa"}));
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(
      first[0].data.dump(),
      R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})");
  EXPECT_EQ(
      first[1].data.dump(),
      R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Pa"}})");
  EXPECT_EQ(events(stream.piece(0, {.text = "ris"})).size(), 1U);
  const auto last = events(stream.piece(0, {.text = {}, .finish_reason = "stop", .stop = "END"}));
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(last[0].data.dump(), R"({"type":"content_block_stop","index":0})");
  const auto end =
      events(stream.ending({.prompt_tokens = 12, .cached_tokens = 4, .completion_tokens = 2}));
  ASSERT_EQ(end.size(), 2U);
  EXPECT_EQ(
      end[0].data.dump(),
      R"({"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END"},)"
      R"("usage":{"input_tokens":8,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,)"
      R"("output_tokens":2}})");
  EXPECT_EQ(end[1].name, "message_stop");
}

TEST(MessagesFormat, AnAnswerWithoutTextHasNoBlock) {
  MessagesFormat stream = format();
  EXPECT_EQ(stream.piece(0, {.text = {}, .finish_reason = "stop"}), "");
}

TEST(MessagesFormat, ThoughtsAndCallsAreBlocksOfTheirOwn) {
  const Json message = Json::parse(
      format().whole(
          {{.text = "Well.",
            .finish_reason = "tool_calls",
            .reasoning = "Hm.",
            .calls = {{"c1", "f", R"({"a":1})"}, {"c2", "g", R"({"cut)"}}}},
          {}));
  EXPECT_EQ(
      message["content"].dump(),
      R"([{"type":"thinking","thinking":"Hm.","signature":""},{"type":"text","text":"Well."},)"
      R"({"type":"tool_use","id":"c1","name":"f","input":{"a":1}},)"
      R"({"type":"text","text":"g {\"cut"}])");
  EXPECT_EQ(message["stop_reason"], "tool_use") << "of the other call";
}

// Its arguments are no JSON: nobody could make it.
TEST(MessagesFormat, ACallThatCannotBeMadeIsNotStoppedFor) {
  using Kind = chat::ChatPiece::Kind;
  const Json message = Json::parse(
      format().whole(
          {{.text = "", .finish_reason = "tool_calls", .calls = {{"c1", "f", R"({"a": tru)"}}}},
          {}));
  EXPECT_EQ(message["content"].dump(), R"([{"type":"text","text":"f {\"a\": tru"}])");
  EXPECT_EQ(message["stop_reason"], "end_turn");
  for (const bool whole : {false, true}) {
    MessagesFormat stream = format();
    static_cast<void>(stream.piece(
        0, {.text = {}, .kind = Kind::kCallBegins, .call_id = "c1", .call_name = "f"}));
    static_cast<void>(stream.piece(0, {.text = R"({"a": )", .kind = Kind::kArguments}));
    static_cast<void>(stream.piece(0, {.text = whole ? "true}" : "tru", .kind = Kind::kArguments}));
    static_cast<void>(stream.piece(0, {.text = {}, .kind = Kind::kCallEnds}));
    static_cast<void>(stream.piece(0, {.text = {}, .finish_reason = "tool_calls"}));
    EXPECT_EQ(
        events(stream.ending({})).front().data["delta"]["stop_reason"],
        whole ? "tool_use" : "end_turn");
  }
}

TEST(MessagesFormat, EventsOfThoughtsAndCalls) {
  using Kind = chat::ChatPiece::Kind;
  MessagesFormat stream = format();
  std::string text = stream.piece(0, {.text = "Hm.", .kind = Kind::kReasoning});
  text += stream.piece(0, {.text = "Well."});
  text +=
      stream.piece(0, {.text = {}, .kind = Kind::kCallBegins, .call_id = "c1", .call_name = "f"});
  text += stream.piece(0, {.text = R"({"a")", .kind = Kind::kArguments});
  text += stream.piece(0, {.text = ":1}", .kind = Kind::kArguments});
  text += stream.piece(0, {.text = {}, .kind = Kind::kCallEnds});
  text += stream.piece(0, {.text = {}, .finish_reason = "tool_calls"});
  std::string told;
  for (const Event& event : events(text)) {
    const bool begins = event.name == "content_block_start";
    const Json kind = begins ? event.data["content_block"]["type"]
                             : event.data.value("delta", Json::object()).value("type", Json(""));
    told += event.name.substr(14) + " " + event.data["index"].dump() + " " +
            kind.get<std::string>() + "\n";
  }
  EXPECT_EQ(
      told,
      "start 0 thinking\ndelta 0 thinking_delta\nstop 0 \n"
      "start 1 text\ndelta 1 text_delta\nstop 1 \n"
      "start 2 tool_use\ndelta 2 input_json_delta\ndelta 2 input_json_delta\nstop 2 \n");
}

TEST(MessagesFormat, AFailureIsAnEventOfItsOwn) {
  const auto found = events(
      format().failure(base::Error(base::ErrorCode::kUnavailable, "stopped", {}, "engine_lost")));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(
      found[0].data.dump(),
      R"({"type":"error","error":{"type":"overloaded_error","message":"stopped"},"request_id":"req-1"})");
}

}  // namespace
}  // namespace hub::api
