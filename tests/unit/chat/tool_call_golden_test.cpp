// Calls as mlx-lm reads them (scripts/make_tool_call_goldens.py), whatever the pieces they come in.
#include <algorithm>
#include <array>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/chat/call_form.h"
#include "tests/unit/chat/answers.h"

namespace hub::chat {
namespace {

using base::Json;

constexpr std::array kForms = {
    CallForm::kHermes,
    CallForm::kQwenXml,
    CallForm::kMistral,
    CallForm::kFunctionGemma,
    CallForm::kGemma4};

TEST(ToolCallGoldens, AsMlxLmReadsThem) {
  const std::string path = HUB_SOURCE_DIR "/tests/golden/chat/tool_calls.json";
  const Json golden = base::parse_json(base::read_file(path), path);
  std::vector<Tool> tools;
  for (const Json& one : golden["tools"]) {
    tools.push_back(tool(one["function"]["name"], one["function"]["parameters"]));
  }
  ASSERT_GT(golden["cases"].size(), 10U);
  for (const Json& wanted : golden["cases"]) {
    const auto form = std::ranges::find(
        kForms, wanted["form"].get<std::string>(), [](CallForm one) { return to_string(one); });
    ASSERT_NE(form, kForms.end());
    const Parsed parsed = parse({.form = *form, .tools = tools}, wanted["text"].get<std::string>());
    EXPECT_EQ(parsed.text, "");
    EXPECT_EQ(parsed.whole_calls, wanted["calls"].size());
    Json calls = Json::array();
    for (const auto& [name, arguments] : parsed.calls) {
      calls.push_back({{"name", name}, {"arguments", base::parse_json(arguments, "arguments")}});
    }
    EXPECT_EQ(calls, wanted["calls"]) << wanted["text"];
  }
}

}  // namespace
}  // namespace hub::chat
