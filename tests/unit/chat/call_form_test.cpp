#include "core/chat/call_form.h"

#include <algorithm>
#include <cctype>

#include <gtest/gtest.h>

namespace hub::chat {
namespace {

// Lines of the families' own templates.
TEST(CallFormTest, TheTemplateTellsTheForm) {
  EXPECT_EQ(
      call_form_of("{{- '<tool_call>\\n{\"name\": \"' + tool_call.name + '\"' }}"),
      CallForm::kHermes);
  EXPECT_EQ(
      call_form_of("<tool_call>\\n<function=example_function_name>\\n<parameter=x>"),
      CallForm::kQwenXml);
  EXPECT_EQ(call_form_of("<tool_call>\n<function=f>"), CallForm::kQwenXml);
  EXPECT_EQ(call_form_of("{{- \"[TOOL_CALLS] [\" }}"), CallForm::kMistral);
  EXPECT_EQ(call_form_of("{{- \"<|python_tag|>\" + tool_call.name }}"), CallForm::kLlama);
  EXPECT_EQ(
      call_form_of(
          "<|start_header_id|> '{\"name\": function name, \"parameters\": dictionary of argument "
          "name and its value}.'"),
      CallForm::kLlama);
  EXPECT_EQ(call_form_of("<start_function_call>call:"), CallForm::kFunctionGemma);
  EXPECT_EQ(call_form_of("'<|tool_call>call:' ... '<tool_call|>'"), CallForm::kGemma4);
  EXPECT_EQ(call_form_of("<|im_start|>{{ message['content'] }}"), CallForm::kGeneric);
}

TEST(CallFormTest, IdsAreNewAndOfTheirFamily) {
  const std::string id = new_call_id(CallForm::kHermes);
  EXPECT_EQ(id.size(), 29U);
  EXPECT_TRUE(id.starts_with("call_"));
  EXPECT_NE(new_call_id(CallForm::kHermes), id);
  const std::string mistral = new_call_id(CallForm::kMistral);
  EXPECT_EQ(mistral.size(), 9U);
  EXPECT_TRUE(
      std::ranges::all_of(mistral, [](unsigned char letter) { return std::isalnum(letter) != 0; }));
  EXPECT_NE(new_call_id(CallForm::kMistral), mistral);
}

}  // namespace
}  // namespace hub::chat
