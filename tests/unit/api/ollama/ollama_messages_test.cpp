#include "api/ollama/ollama_messages.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hub::api {
namespace {

using base::Json;

Json read(const char* messages) {
  const Json body = {{"messages", Json::parse(messages)}};
  return ollama_messages(base::JsonReader(body));
}

TEST(OllamaMessages, AnswersBelongToTheEarliestCallOfTheirName) {
  const Json messages = read(R"([
      {"role":"user","content":"Weather?"},
      {"role":"assistant","content":"","thinking":"Hm.","tool_calls":[
        {"function":{"name":"weather","arguments":{"city":"Paris"}}},
        {"function":{"name":"time","arguments":{}}},
        {"function":{"name":"weather"}}]},
      {"role":"tool","tool_name":"time","content":"noon"},
      {"role":"tool","tool_name":"weather","content":"rain"},
      {"role":"tool","content":"sun"},
      {"role":"tool","content":"more"}])");
  EXPECT_EQ(messages[0].dump(), R"({"role":"user","content":"Weather?"})");
  EXPECT_EQ(messages[1]["reasoning_content"], "Hm.");
  EXPECT_EQ(
      messages[1]["tool_calls"][0].dump(),
      R"({"id":"call_0","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Paris\"}"}})");
  EXPECT_EQ(messages[1]["tool_calls"][2]["function"]["arguments"], "{}");
  EXPECT_EQ(messages[2]["tool_call_id"], "call_1");
  EXPECT_EQ(messages[3]["tool_call_id"], "call_0");
  EXPECT_EQ(messages[4]["tool_call_id"], "call_2");
  EXPECT_EQ(messages[5]["tool_call_id"], "call_3");  // of a call that nobody made
}

}  // namespace
}  // namespace hub::api
