// An answer that is taken apart while it comes: the first part holds the pieces' lengths, then come
// the form's name with "think" and "opened", "one" where they hold, then the text.
#include <array>
#include <string>
#include <vector>

#include "core/base/json_reader.h"
#include "core/chat/answer_parser.h"
#include "tests/fuzz/fuzz_target.h"

namespace hub::fuzz {
namespace {

using chat::CallForm;
using chat::ChatPiece;

chat::ChatAnswer parse(
    const chat::AnswerShape& shape, const std::vector<std::string_view>& pieces) {
  chat::AnswerParser parser(shape);
  chat::ChatAnswer answer;
  std::size_t begun = 0;
  std::size_t ended = 0;
  const auto take = [&](const std::vector<ChatPiece>& parts) {
    for (const ChatPiece& part : parts) {
      if (part.kind == ChatPiece::Kind::kCallBegins) {
        require(begun == ended || begun == ended + 1, "calls come one after another");
        require(!part.id.empty() && !part.name.empty(), "a call has its id and name");
        begun = part.call + 1;
      } else if (part.kind == ChatPiece::Kind::kCallEnds) {
        require(part.call + 1 == begun, "the call that ends is the last");
        ended = begun;
      } else {
        require(!part.text.empty(), "a piece says something");
      }
      answer.add(part);
    }
  };
  for (const std::string_view piece : pieces) {
    take(parser.push(piece));
  }
  take(parser.finish());
  require(parser.has_calls() == !answer.calls.empty(), "it knows whether there are calls");
  return answer;
}

}  // namespace

void run(std::string_view input) {
  Parts parts(input);
  const std::string_view lengths = parts.next();
  const std::string_view flags = parts.next();
  const auto has = [&](std::string_view word) {
    return flags.find(word) != std::string_view::npos;
  };
  chat::AnswerShape shape;
  for (const CallForm form :
       {CallForm::kHermes,
        CallForm::kQwenXml,
        CallForm::kLlama,
        CallForm::kMistral,
        CallForm::kFunctionGemma,
        CallForm::kGemma4}) {
    shape.form = has(chat::to_string(form)) ? form : shape.form;
  }
  shape.tools = {{.name = "noop"}, {.name = "get_weather"}};
  shape.parallel = !has("one");
  shape.thinks = has("think");
  shape.prompt_opens_think = has("opened");
  const std::string_view text = parts.rest().substr(0, 2048);
  const chat::ChatAnswer whole = parse(shape, {text});
  const chat::ChatAnswer cut = parse(shape, pieces_of(text, lengths));
  require(cut.text == whole.text, "the text does not depend on the cuts");
  require(cut.reasoning == whole.reasoning, "nor does the reasoning");
  require(cut.calls.size() == whole.calls.size(), "nor do the calls");
  for (std::size_t i = 0; i < whole.calls.size(); ++i) {
    require(cut.calls[i].name == whole.calls[i].name, "nor their names");
    require(cut.calls[i].arguments == whole.calls[i].arguments, "nor their arguments");
  }
}

}  // namespace hub::fuzz
