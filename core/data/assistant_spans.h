#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/text/chat_template.h"

namespace hub::data {

// Bytes [begin, end) of a rendered conversation.
struct TextSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct RenderedChat {
  std::string text;                 // the conversation, without a generation prompt at the end
  std::vector<TextSpan> assistant;  // what the model would have written, turn by turn
  std::string problem;              // empty, or which turns are not (wholly) covered and why
};

// Renders a conversation and finds its assistant turns without knowing the template, by rendering
// its prefixes. Turn i begins where the conversation before it ends, generation prompt included,
// and ends where the conversation up to it ends; so it includes the end-of-turn token, and what the
// template writes after that (ChatML: a newline), as in mlx-lm's mask_prompt.
//
// Templates that write earlier turns differently once the conversation goes on (thinking is
// dropped) are not prefix-stable. Then the end of the turn's content is found by rendering the
// conversation with a mark added to that content: up to there both texts agree; what follows must
// be what follows the content in the shorter conversation. Where that fails the turn is not
// covered, and `problem` says so.
//
// Turns before message `first` are no spans. Throws kInvalidArgument when the template refuses the
// whole conversation.
RenderedChat render_chat(
    const text::ChatTemplate& chat_template,
    const base::Json& messages,
    const base::Json* tools,
    std::size_t first = 0);

}  // namespace hub::data
