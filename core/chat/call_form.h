#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hub::chat {

// How a family of models writes tool calls.
enum class CallForm : std::uint8_t {
  // <tool_call>{"name": …, "arguments": {…}}</tool_call>: Hermes, Qwen 2.5, Qwen 3
  kHermes,
  // <tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></tool_call>:
  // Qwen3-Coder, Qwen 3.5
  kQwenXml,
  // {"name": …, "parameters": {…}} from the answer's begin, perhaps after <|python_tag|>: Llama 3
  kLlama,
  // [TOOL_CALLS][{"name": …, "arguments": {…}}] or [TOOL_CALLS]NAME[ARGS]{…}: Mistral
  kMistral,
  // <start_function_call>call:NAME{key:<escape>text<escape>}<end_function_call>: FunctionGemma
  kFunctionGemma,
  // <|tool_call>call:NAME{key:<|"|>text<|"|>}<tool_call|>: Gemma 4
  kGemma4,
  // {"tool_calls": [{"name": …, "arguments": {…}}]} from the answer's begin: what
  // tool_prompt.h asks of models whose template knows no tools
  kGeneric,
};

// The form that a chat template's text tells, by the marks that mlx-lm looks for
// (mlx_lm/tokenizer_utils.py, _infer_tool_parser), kGeneric without any.
CallForm call_form_of(std::string_view chat_template);

// A name for logs and tests: "hermes", "qwen_xml", "llama", …
std::string_view to_string(CallForm form);

// A new id for a call: "call_" and 24 hexadecimal digits; for kMistral 9 letters and digits, which
// is all that its templates take back.
std::string new_call_id(CallForm form);

}  // namespace hub::chat
