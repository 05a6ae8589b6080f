#include "core/data/assistant_spans.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/text/message_shape.h"

namespace hub::data {
namespace {

using base::Json;

// Private-use characters: no text has them, no template looks for them, none trims them.
constexpr std::string_view kMark = "\xEE\x80\x80\xEE\x80\x81";

std::size_t common_prefix(std::string_view left, std::string_view right) {
  const auto mismatch = std::mismatch(left.begin(), left.end(), right.begin(), right.end());
  return static_cast<std::size_t>(mismatch.first - left.begin());
}

// Finds the turns of one conversation.
class SpanFinder {
 public:
  SpanFinder(const text::ChatTemplate& chat_template, const Json& messages, const Json* tools)
      : template_(chat_template),
        messages_(text::messages_for_template(messages)),
        tools_(tools),
        text_(chat_template.render(
            {.messages = messages_, .tools = tools_, .add_generation_prompt = false})) {}

  RenderedChat find(std::size_t first) {
    RenderedChat result;
    std::size_t floor = 0;  // turns follow one another
    for (std::size_t turn = first; turn < messages_.size(); ++turn) {
      if (messages_[turn]["role"] != "assistant") {
        continue;
      }
      auto begin = begin_of(turn);
      if (!begin) {
        begin = content_edge(messages_, text_, turn, true);
        if (begin && turn > 0) {
          report(result, turn, "is trained only from its content on");
        }
      }
      const auto end = end_of(turn);
      if (begin && end && floor <= *begin && *begin < *end) {
        result.assistant.push_back({.begin = *begin, .end = *end});
        floor = *end;
      } else {
        report(result, turn, "is not trained");
      }
    }
    result.text = std::move(text_);
    return result;
  }

 private:
  // The first turn's trouble stands for the row's.
  static void report(RenderedChat& result, std::size_t turn, std::string_view consequence) {
    if (result.problem.empty()) {
      result.problem = fmt::format(
          "messages[{}] {}: the chat template writes this turn, or what comes before it, "
          "differently once the conversation goes on",
          turn,
          consequence);
    }
  }

  // nullopt when the template refuses such a conversation (no message, a system message alone).
  [[nodiscard]] std::optional<std::string> render(const Json& messages, bool prompt) const {
    if (messages.empty()) {
      return std::nullopt;
    }
    try {
      return template_.render(
          {.messages = messages, .tools = tools_, .add_generation_prompt = prompt});
    } catch (const base::Error&) {
      return std::nullopt;
    }
  }

  [[nodiscard]] Json first_messages(std::size_t count) const {
    Json first = Json::array();
    for (std::size_t i = 0; i < count; ++i) {
      first.push_back(messages_[i]);
    }
    return first;
  }

  // nullopt when what comes before the turn is not how the whole conversation begins.
  [[nodiscard]] std::optional<std::size_t> begin_of(std::size_t turn) const {
    const Json before = first_messages(turn);
    const auto prompted = render(before, true);
    if (prompted && text_.starts_with(*prompted)) {
      return prompted->size();
    }
    // A generation prompt may go further than the conversation does ("<think>"): the turn begins
    // where they part.
    const auto plain = render(before, false);
    if (prompted && plain && text_.starts_with(*plain)) {
      return std::max(plain->size(), common_prefix(*prompted, text_));
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<std::size_t> end_of(std::size_t turn) const {
    const Json through = first_messages(turn + 1);
    const auto shorter = render(through, false);
    if (!shorter) {
      return std::nullopt;
    }
    if (text_.starts_with(*shorter)) {
      return shorter->size();
    }
    const auto end_here = content_edge(messages_, text_, turn, false);
    const auto end_there = content_edge(through, *shorter, turn, false);
    if (!end_here || !end_there) {
      return std::nullopt;
    }
    const std::string_view tail = std::string_view(*shorter).substr(*end_there);
    if (tail.empty() || !std::string_view(text_).substr(*end_here).starts_with(tail)) {
      return std::nullopt;
    }
    return *end_here + tail.size();
  }

  // Where the content of a turn begins or ends in `rendered`, the text of `messages`: the place
  // where a mark put there shows up. nullopt when the mark changes anything else.
  [[nodiscard]] std::optional<std::size_t> content_edge(
      const Json& messages, std::string_view rendered, std::size_t turn, bool at_begin) const {
    Json marked = messages;
    const std::string content = marked[turn]["content"].get<std::string>();
    marked[turn]["content"] =
        at_begin ? std::string(kMark) + content : content + std::string(kMark);
    const auto text = render(marked, false);
    if (!text) {
      return std::nullopt;
    }
    const std::size_t edge = common_prefix(rendered, *text);
    const std::string_view rest = rendered.substr(edge);
    return text->ends_with(rest) ? std::optional(edge) : std::nullopt;
  }

  const text::ChatTemplate& template_;
  Json messages_;
  const Json* tools_;
  std::string text_;
};

}  // namespace

RenderedChat render_chat(
    const text::ChatTemplate& chat_template,
    const Json& messages,
    const Json* tools,
    std::size_t first) {
  return SpanFinder(chat_template, messages, tools).find(first);
}

}  // namespace hub::data
