#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/chat/call_form.h"
#include "core/chat/tool.h"
#include "core/text/grammar.h"

namespace hub::chat {

// Most calls that a grammar lets one answer hold: a small model likes to go on for ever.
inline constexpr std::size_t kMaxEnforcedCalls = 16;

// What an answer with calls must look like.
struct CallGrammar {
  CallForm form;             // in which calls come: kGeneric where the asked one cannot be enforced
  text::GrammarSpec spec;    // for the answer
  std::string prompt_end{};  // to be put behind the prompt: an opening mark that is no text
  bool shows_end = true;     // `prompt_end` is for the answer's parser, too
};

// What may come before the calls.
enum class Lead : std::uint8_t {
  kNothing,
  kMayThink,  // <think>…</think>
  kThinking,  // …</think>: the prompt opened it
};

// The grammar for answers that must call one of `tools` (not empty), written as a model of that
// form writes calls, arguments in the layout of Python's json.dumps. `parallel`: one call or more,
// else one. Forms whose marks are special tokens in the middle of a call (Gemma's) get kGeneric's.
// kHarmony names a single tool at the prompt's end; several get kGeneric's form in its last
// channel. Llama 3 has one call an answer. kQwenXml's string parameters take any text but their end
// mark: of their schemas only enum and const are enforced.
CallGrammar required_calls(CallForm form, const std::vector<Tool>& tools, bool parallel, Lead lead);

// The grammar for answers that may be text, and whose calls, where they come, fit their schemas.
// nullopt for forms whose opening mark is a special token, which a grammar cannot see.
std::optional<CallGrammar> possible_calls(
    CallForm form, const std::vector<Tool>& tools, bool parallel, Lead lead);

// The grammar for answers that are either calls or JSON of `answer` (kJsonSchema or kJsonObject).
// nullopt where the two cannot be told apart from their beginning.
std::optional<CallGrammar> calls_or_json(
    CallForm form,
    const std::vector<Tool>& tools,
    bool parallel,
    Lead lead,
    const text::GrammarSpec& answer);

// The schema of a tool's arguments as a grammar takes it by itself, to see whether it can be used.
text::GrammarSpec arguments_grammar(const Tool& tool);

}  // namespace hub::chat
