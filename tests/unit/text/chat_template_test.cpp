#include "core/text/chat_template.h"

#include <ctime>
#include <functional>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/unit/text/golden.h"

namespace hub::text {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using testing::HasSubstr;

Json user(const std::string& text) {
  return Json::array({{{"role", "user"}, {"content", text}}});
}

std::shared_ptr<const ChatTemplate> compile(
    const std::string& source, Json config = Json::object()) {
  const TempFolder folder;
  config["chat_template"] = source;
  folder.write("tokenizer_config.json", config.dump());
  return ChatTemplate::load(folder.path());
}

std::string render(const std::string& source, const Json& messages) {
  return compile(source)->render({.messages = messages});
}

Error thrown_by(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(ErrorCode::kInternal, "");
}

std::shared_ptr<const ChatTemplate> golden_template(const std::string& name, const Json& special) {
  return name == "default_model"
             ? ChatTemplate::load(default_model())
             : compile(base::read_file(golden_folder() / "templates" / (name + ".jinja")), special);
}

TEST(ChatTemplate, RendersAsTransformers) {
  const Json golden = read_golden("renders.json");
  std::map<std::string, std::shared_ptr<const ChatTemplate>> templates;
  std::size_t refused = 0;
  for (const Json& entry : golden["renders"]) {
    const std::string name = entry["template"];
    const std::string conversation_name = entry["conversation"];
    SCOPED_TRACE(name);
    SCOPED_TRACE(conversation_name);
    auto& chat_template = templates[name];
    if (chat_template == nullptr) {
      chat_template = golden_template(name, golden["special_tokens"]);
    }
    const Json& conversation = golden["conversations"][conversation_name];
    const TemplateInput input{
        .messages = conversation["messages"],
        .tools = conversation.contains("tools") ? &conversation["tools"] : nullptr,
        .add_generation_prompt = entry["add_generation_prompt"]};
    if (entry["text"].is_null()) {
      EXPECT_THROW(static_cast<void>(chat_template->render(input)), Error);
      ++refused;
    } else {
      EXPECT_EQ(chat_template->render(input), entry["text"].get<std::string>());
    }
  }
  EXPECT_GT(golden["renders"].size(), 200U);
  EXPECT_EQ(refused, 10U);
}

TEST(ChatTemplate, AFolderWithoutOneGivesNone) {
  const TempFolder folder;
  EXPECT_EQ(ChatTemplate::load(folder.path()), nullptr);
  folder.write("tokenizer_config.json", R"({"eos_token": "</s>"})");
  EXPECT_EQ(ChatTemplate::load(folder.path()), nullptr);
}

TEST(ChatTemplate, AFileOfItsOwnWins) {
  const TempFolder folder;
  folder.write(
      "tokenizer_config.json", R"({"chat_template": "config", "bos_token": {"content": "<b>"}})");
  folder.write("chat_template.jinja", "{{ bos_token }}file");
  const auto chat_template = ChatTemplate::load(folder.path());
  EXPECT_EQ(chat_template->render({.messages = user("x")}), "<b>file");
  EXPECT_EQ(chat_template->digest(), base::sha256_hex("{{ bos_token }}file"));
}

TEST(ChatTemplate, OfSeveralTheOneForToolsIsUsedWithTools) {
  const TempFolder folder;
  folder.write(
      "tokenizer_config.json",
      R"({"chat_template": [{"name": "default", "template": "plain"}, {"name": "rag", "template": "rag"},
          {"name": "tool_use", "template": "{{ tools | length }} tools"}]})");
  const auto chat_template = ChatTemplate::load(folder.path());
  const Json messages = user("x");
  const Json tools = Json::array({Json::object(), Json::object()});
  EXPECT_EQ(chat_template->render({.messages = messages}), "plain");
  EXPECT_EQ(chat_template->render({.messages = messages, .tools = &tools}), "2 tools");
}

TEST(ChatTemplate, BrokenOnesAreNamedWithTheLine) {
  const Error error = thrown_by([] { compile("fine\n{% if %}\n"); });
  EXPECT_EQ(error.code(), ErrorCode::kUnprocessable);
  EXPECT_THAT(error.what(), HasSubstr("line 2"));
  const TempFolder folder;
  folder.write("tokenizer_config.json", "{not json");
  EXPECT_EQ(
      thrown_by([&] { ChatTemplate::load(folder.path()); }).code(), ErrorCode::kUnprocessable);
  folder.write("tokenizer_config.json", R"({"chat_template": [{"name": "default"}]})");
  EXPECT_EQ(
      thrown_by([&] { ChatTemplate::load(folder.path()); }).code(), ErrorCode::kUnprocessable);
}

TEST(ChatTemplate, ItsOwnComplaintComesThrough) {
  const Error error =
      thrown_by([] { render("{{ raise_exception('no ' ~ messages[0].role) }}", user("x")); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_STREQ(error.what(), "the chat template refuses these messages: no user");
}

TEST(ChatTemplate, OtherFailuresNameTheLine) {
  const Error error = thrown_by([] { render("\n\n{{ 'a' + undefined_name }}", user("x")); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.what(), HasSubstr("line 3"));
}

TEST(ChatTemplate, OneThatNeverEndsIsStopped) {
  const std::string source =
      "{% for a in range(90000) %}{% for b in range(90000) %}{% set c = a * b %}{% endfor %}{% "
      "endfor %}";
  EXPECT_THAT(thrown_by([&] { render(source, user("x")); }).what(), HasSubstr("fuel"));
}

TEST(ChatTemplate, ExtraVariablesReachItButNotTheReservedOnes) {
  const auto chat_template =
      compile("{{ enable_thinking }} {{ bos_token }}", {{"bos_token", "<s>"}});
  const Json messages = user("x");
  const Json extra = {{"enable_thinking", false}, {"bos_token", "<other>"}};
  EXPECT_EQ(chat_template->render({.messages = messages, .extra = &extra}), "False <other>");
  for (const char* name : {"messages", "tools", "add_generation_prompt"}) {
    const Json reserved = {{name, 1}};
    const Error error = thrown_by([&] {
      static_cast<void>(chat_template->render({.messages = messages, .extra = &reserved}));
    });
    EXPECT_EQ(error.param(), std::string("chat_template_kwargs.") + name);
  }
}

TEST(ChatTemplate, MessagesAreBroughtIntoShape) {
  const std::string source = "{{ messages | tojson }}";
  EXPECT_EQ(
      render(source, Json::parse(R"([{"role":"assistant","content":null,"tool_calls":[
        {"function":{"name":"f","arguments":"{\"b\": 1, \"a\": [\"ä\"]}"}},
        {"function":{"name":"g","arguments":"no json"}}]}])")),
      R"([{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": )"
      R"({"b": 1, "a": ["ä"]}}}, {"function": {"name": "g", "arguments": "no json"}}]}])");
  EXPECT_EQ(
      render(source, Json::parse(R"([{"role":"user"},{"role":"user","content":[]},
        {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}])")),
      R"([{"role": "user", "content": ""}, {"role": "user", "content": ""}, {"role": "user", "content": "ab"}])");
}

TEST(ChatTemplate, ArgumentsThatWouldOverflowTheStackStayText) {
  const std::string deep = "{\"a\":" + std::string(400'000, '[') + std::string(400'000, ']') + "}";
  const Json messages = Json::array(
      {{{"role", "assistant"}, {"tool_calls", {{{"function", {{"arguments", deep}}}}}}}});
  EXPECT_EQ(
      render("{{ messages[0].tool_calls[0].function.arguments | length }}", messages),
      std::to_string(deep.size()));
}

TEST(ChatTemplate, ATokenizerConfigThatWouldOverflowTheStackIsRefused) {
  const TempFolder folder;
  folder.write("chat_template.jinja", "{{ bos_token }}");
  folder.write(
      "tokenizer_config.json",
      R"({"bos_token":{"content":)" + std::string(400'000, '[') + std::string(400'000, ']') + "}}");
  EXPECT_EQ(
      thrown_by([&] { ChatTemplate::load(folder.path()); }).code(), ErrorCode::kUnprocessable);
}

TEST(ChatTemplate, ATagThatEndsInItsBeginningIsNoTag) {
  EXPECT_EQ(thrown_by([] { compile("{%}  }x"); }).code(), ErrorCode::kUnprocessable);
}

TEST(ChatTemplate, WrongShapesAreNamed) {
  const auto param = [](const char* messages) {
    const Json json = Json::parse(messages);
    const Error error = thrown_by([&] { render("x", json); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.param();
  };
  EXPECT_EQ(param("[]"), "messages");
  EXPECT_EQ(param("{}"), "messages");
  EXPECT_EQ(param("[1]"), "messages[0]");
  EXPECT_EQ(param(R"([{"content":"x"}])"), "messages[0].role");
  EXPECT_EQ(
      param(R"([{"role":"user","content":"x"},{"role":7,"content":"x"}])"), "messages[1].role");
  EXPECT_EQ(param(R"([{"role":"user","content":7}])"), "messages[0].content");
  EXPECT_EQ(param(R"([{"role":"user","content":["x"]}])"), "messages[0].content[0]");
  EXPECT_EQ(
      param(R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}])"),
      "messages[0].content[0]");
  EXPECT_EQ(
      param(R"([{"role":"user","content":[{"type":"text"}]}])"), "messages[0].content[0].text");
  EXPECT_EQ(
      param(R"([{"role":"assistant","content":"","tool_calls":{}}])"), "messages[0].tool_calls");
}

TEST(ChatTemplate, DeeplyNestedInputIsRefusedNotCrashedOn) {
  std::string deep = "1";
  for (int i = 0; i < 3000; ++i) {
    deep = "[" + std::move(deep) + "]";
  }
  const Json nested = Json::parse(deep);
  Json messages = user("x");
  const auto chat_template = compile("{{ messages }}{{ tools }}{{ extra }}");
  EXPECT_EQ(
      thrown_by([&] {
        static_cast<void>(chat_template->render({.messages = messages, .tools = &nested}));
      }).param(),
      "tools");
  const Json extra = {{"extra", nested}};
  EXPECT_EQ(
      thrown_by([&] {
        static_cast<void>(chat_template->render({.messages = messages, .extra = &extra}));
      }).param(),
      "chat_template_kwargs");
  messages[0]["field"] = nested;
  EXPECT_EQ(
      thrown_by([&] { static_cast<void>(chat_template->render({.messages = messages})); }).param(),
      "messages");
}

TEST(ChatTemplate, JsonIsLaidOutAsByPython) {
  const Json messages = user("x");
  const auto dump = [&messages](const std::string& arguments, const char* value) {
    const auto chat_template = compile("{{ value | tojson" + arguments + " }}");
    const Json extra = {{"value", Json::parse(value)}};
    return chat_template->render({.messages = messages, .extra = &extra});
  };
  // Expected: Python's json.dumps(value, ensure_ascii=False, …).
  EXPECT_EQ(
      dump("", R"([1, -2.50, 1e16, 1e15, 0.0001, 0.00001, 1e300, 123456789.125, true, null, {}])"),
      "[1, -2.5, 1e+16, 1000000000000000.0, 0.0001, 1e-05, 1e+300, 123456789.125, true, null, {}]");
  EXPECT_EQ(dump("", R"("<&>'\" \\ \u0007 \u007f ä 😀")"), "\"<&>'\\\" \\\\ \\u0007 \u007f ä 😀\"");
  EXPECT_EQ(dump("(ensure_ascii=true)", R"("ä 😀")"), R"("\u00e4 \ud83d\ude00")");
  EXPECT_EQ(
      dump("(indent=2)", R"({"a":[1,[]],"b":{}})"),
      "{\n  \"a\": [\n    1,\n    []\n  ],\n  \"b\": {}\n}");
  EXPECT_EQ(
      dump("(indent='\t', sort_keys=true)", R"({"b":1,"a":2})"), "{\n\t\"a\": 2,\n\t\"b\": 1\n}");
  EXPECT_EQ(dump("(separators=(',', ':'))", R"({"b":[1,2]})"), R"({"b":[1,2]})");
  EXPECT_EQ(dump("(false, 1)", "[1]"), "[\n 1\n]");
}

TEST(ChatTemplate, NumbersArePrintedAsByPython) {
  const auto chat_template =
      compile("{{ v[0] }} {{ v[1] }} {{ v[2] | string }} {{ 'x' ~ (v[3] | string) }} {{ v[4] }}");
  const Json messages = user("x");
  const Json extra = {{"v", {1e-05, 1e16, 1e-05, 2.0, 7}}};
  EXPECT_EQ(
      chat_template->render({.messages = messages, .extra = &extra}), "1e-05 1e+16 1e-05 x2.0 7");
}

TEST(ChatTemplate, KnowsTheDate) {
  const auto chat_template = compile("{{ strftime_now('%Y-%m-%d') }}");
  const Json messages = user("x");
  const auto today = [] {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    char text[16];
    EXPECT_GT(std::strftime(text, sizeof text, "%Y-%m-%d", &parts), 0U);
    return std::string(text);
  };
  const std::string before = today();
  const std::string shown = chat_template->render({.messages = messages});
  EXPECT_TRUE(shown == before || shown == today()) << shown;
}

TEST(ChatTemplate, DigestsDifferWithTheText) {
  EXPECT_EQ(compile("a")->digest(), compile("a")->digest());
  EXPECT_NE(compile("a")->digest(), compile("b")->digest());
}

}  // namespace
}  // namespace hub::text
