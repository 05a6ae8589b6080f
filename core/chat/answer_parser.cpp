#include "core/chat/answer_parser.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "core/chat/call_reader.h"
#include "core/chat/harmony_channels.h"
#include "core/chat/json_scanner.h"

namespace hub::chat {
namespace {

constexpr std::string_view kThink = "<think>";
constexpr std::string_view kThinkEnd = "</think>";
constexpr std::array kThinkEnds = {kThinkEnd};
constexpr std::string_view kPythonTag = "<|python_tag|>";
constexpr std::size_t kLongestFence = 32;  // with the language's name behind it

std::string_view without_leading_space(std::string_view text) {
  while (!text.empty() && is_space(text.front())) {
    text.remove_prefix(1);
  }
  return text;
}

std::size_t size_without_trailing_space(std::string_view text) {
  std::size_t size = text.size();
  while (size > 0 && is_space(text[size - 1])) {
    --size;
  }
  return size;
}

}  // namespace

class AnswerParser::Machine {
 public:
  explicit Machine(AnswerShape shape)
      : shape_(std::move(shape)), marks_(opening(shape_)), sink_(shape_.form) {
    held_ = shape_.opened;
    if (shape_.form == CallForm::kHarmony) {
      stage_ = Stage::kChannels;
    } else if (shape_.thinks) {
      stage_ = shape_.prompt_opens_think ? Stage::kThinking : Stage::kMayThink;
    } else {
      begin_answer();
    }
  }

  std::vector<ChatPiece> push(std::string_view text) {
    held_ += text;
    while (step()) {
    }
    return sink_.take();
  }

  std::vector<ChatPiece> finish() {
    final_ = true;
    while (step()) {
    }
    if (stage_ == Stage::kChannels) {
      channels_.finish(sink_);
    } else if (stage_ == Stage::kCalls && !reader_->finish(sink_)) {
      sink_.text(ChatPiece::Kind::kText, raw_);
    }
    stage_ = Stage::kDone;
    return sink_.take();
  }

  [[nodiscard]] bool in_reasoning() const {
    return stage_ == Stage::kThinking || channels_.in_reasoning();
  }
  [[nodiscard]] bool has_calls() const { return sink_.begun() > 0; }
  [[nodiscard]] bool in_call() const { return sink_.open(); }
  [[nodiscard]] bool enough() const { return !shape_.parallel && sink_.ended() > 0; }

 private:
  enum class Stage : std::uint8_t {
    kMayThink,  // <think> may come
    kThinking,
    kBegin,  // of the answer proper, where forms without marks have their calls
    kText,
    kCalls,
    kChannels,  // of kHarmony
    kDone,
  };

  static std::vector<std::string_view> opening(const AnswerShape& shape) {
    return shape.tools.empty() ? std::vector<std::string_view>() : opening_marks(shape.form);
  }

  void drop_leading_space() { held_.erase(0, held_.size() - without_leading_space(held_).size()); }

  void begin_answer() { stage_ = Stage::kBegin; }

  void begin_calls(std::string_view mark) {
    reader_ = make_reader(shape_.form, mark, shape_.tools);
    raw_ = mark;
    opening_ = raw_.size();
    stage_ = Stage::kCalls;
  }

  // Goes on as far as one stage reaches. False when it waits for more text.
  bool step() {
    switch (stage_) {
      case Stage::kMayThink:
        return look_for_think();
      case Stage::kThinking:
        return think();
      case Stage::kBegin:
        return begin();
      case Stage::kText:
        return text();
      case Stage::kCalls:
        return calls();
      case Stage::kChannels:
        return channels();
      case Stage::kDone:
        held_.clear();
        break;
    }
    return false;
  }

  bool look_for_think() {
    const std::string_view rest = without_leading_space(held_);
    if (rest.starts_with(kThink)) {
      held_.erase(0, held_.size() - rest.size() + kThink.size());
      stage_ = Stage::kThinking;
      return true;
    }
    if (kThink.starts_with(rest) && !final_) {
      return false;
    }
    begin_answer();
    return true;
  }

  // White space around reasoning is layout.
  bool think() {
    if (!thought_) {
      drop_leading_space();
    }
    const std::size_t end = held_.find(kThinkEnd);
    const bool ends = end != std::string::npos;
    const std::size_t certain = ends     ? end
                                : final_ ? held_.size()
                                         : certain_size(held_, kThinkEnds);
    const std::size_t size =
        final_ && !ends ? certain
                        : size_without_trailing_space(std::string_view(held_).substr(0, certain));
    thought_ = thought_ || size > 0;
    sink_.text(ChatPiece::Kind::kReasoning, std::string_view(held_).substr(0, size));
    held_.erase(0, ends ? end + kThinkEnd.size() : size);
    if (ends) {
      skips_space_ = true;
      begin_answer();
    }
    return ends;
  }

  bool begin() {
    if (skips_space_) {
      drop_leading_space();
    }
    if (shape_.tools.empty() || !marks_.empty()) {
      return leave_begin();
    }
    std::string_view rest = without_leading_space(held_);
    const bool llama = shape_.form == CallForm::kLlama;
    if (llama && rest.starts_with(kPythonTag)) {
      rest = without_leading_space(rest.substr(kPythonTag.size()));
    } else if (llama && !rest.empty() && kPythonTag.starts_with(rest) && !final_) {
      return false;
    }
    const bool fenced = !llama && rest.starts_with(kFence);
    if (fenced) {
      const std::size_t line = rest.find('\n');
      if (line == std::string_view::npos) {
        return final_ || rest.size() > kLongestFence ? leave_begin() : false;
      }
      rest = without_leading_space(rest.substr(line));
    } else if (!llama && !rest.empty() && kFence.starts_with(rest) && !final_) {
      return false;
    }
    if (rest.empty()) {
      return final_ ? leave_begin() : false;
    }
    if (rest.front() != '{' && rest.front() != '[') {
      return leave_begin();
    }
    const std::string before = held_.substr(0, held_.size() - rest.size());
    held_.erase(0, before.size());
    begin_calls(fenced ? kFence : std::string_view());
    raw_ = before;
    opening_ = before.size();
    return true;
  }

  bool leave_begin() {
    if (skips_space_ && held_.empty() && !final_) {
      return false;
    }
    stage_ = Stage::kText;
    return true;
  }

  bool text() {
    if (sink_.ended() > 0 && !has_text_) {
      drop_leading_space();
    }
    std::size_t at = std::string::npos;
    std::string_view found;
    for (const std::string_view mark : marks_) {
      const std::size_t place = held_.find(mark);
      if (place < at) {
        at = place;
        found = mark;
      }
    }
    const bool calls = at != std::string::npos;
    std::size_t size = calls ? at : final_ ? held_.size() : certain_size(held_, marks_);
    // White space before calls is layout, and so is what is left behind them.
    const bool holds_space = calls || sink_.begun() > 0 || (!final_ && !marks_.empty());
    if (holds_space) {
      size = size_without_trailing_space(std::string_view(held_).substr(0, size));
    }
    sink_.text(ChatPiece::Kind::kText, std::string_view(held_).substr(0, size));
    has_text_ = has_text_ || size > 0;
    if (!calls) {
      held_.erase(0, size);
      return false;
    }
    begin_calls(found);
    raw_ = held_.substr(size, at - size) + raw_;  // should it be none, its space is text again
    opening_ = raw_.size();
    held_.erase(0, at + found.size());
    return true;
  }

  bool calls() {
    for (std::size_t i = 0; i < held_.size(); ++i) {
      const std::size_t ended = sink_.ended();
      const CallReader::Step step = reader_->take(held_[i], sink_);
      raw_.push_back(held_[i]);
      if (enough()) {
        stage_ = Stage::kDone;
        return true;
      }
      if (sink_.ended() > ended || sink_.open()) {
        raw_.clear();
        opening_ = 0;
      }
      if (step == CallReader::Step::kMore) {
        continue;
      }
      held_.erase(0, step == CallReader::Step::kDoneBefore ? i : i + 1);
      stage_ = Stage::kText;
      if (step == CallReader::Step::kRejected) {
        reject();
      }
      return true;
    }
    held_.clear();
    return false;
  }

  bool channels() {
    for (const char byte : held_) {
      channels_.take(byte, sink_);
      if (enough()) {
        stage_ = Stage::kDone;
        return true;
      }
    }
    held_.clear();
    return false;
  }

  // What was read is text. It may hold another mark, which is looked for behind this one.
  void reject() {
    const std::size_t shown = marks_.empty() ? raw_.size() : std::max<std::size_t>(opening_, 1);
    sink_.text(ChatPiece::Kind::kText, std::string_view(raw_).substr(0, shown));
    held_.insert(0, raw_, shown, std::string::npos);
    has_text_ = true;
    raw_.clear();
  }

  const AnswerShape shape_;
  const std::vector<std::string_view> marks_;
  CallSink sink_;
  Stage stage_ = Stage::kBegin;
  std::string held_;  // not yet read
  bool final_ = false;
  bool thought_ = false;      // reasoning has begun
  bool skips_space_ = false;  // behind reasoning
  std::unique_ptr<CallReader> reader_;
  HarmonyChannels channels_{!shape_.tools.empty(), shape_.thinks};
  std::string raw_;          // of the block, since its last call's end
  std::size_t opening_ = 0;  // bytes of `raw_` up to the opening mark's end
  bool has_text_ = false;    // the answer has some
};

std::vector<std::string_view> marks_of(const AnswerShape& shape) {
  std::vector<std::string_view> marks;
  if (!shape.tools.empty() || shape.form == CallForm::kHarmony) {
    marks = all_marks(shape.form);
  }
  if (shape.thinks && shape.form != CallForm::kHarmony) {
    marks.insert(marks.end(), {kThink, kThinkEnd});
  }
  return marks;
}

AnswerParser::AnswerParser(AnswerShape shape)
    : machine_(std::make_unique<Machine>(std::move(shape))) {}

AnswerParser::~AnswerParser() = default;
AnswerParser::AnswerParser(AnswerParser&&) noexcept = default;

std::vector<ChatPiece> AnswerParser::push(std::string_view text) {
  return machine_->push(text);
}

std::vector<ChatPiece> AnswerParser::finish() {
  return machine_->finish();
}

bool AnswerParser::in_reasoning() const {
  return machine_->in_reasoning();
}

bool AnswerParser::has_calls() const {
  return machine_->has_calls();
}

bool AnswerParser::in_call() const {
  return machine_->in_call();
}

bool AnswerParser::enough() const {
  return machine_->enough();
}

}  // namespace hub::chat
