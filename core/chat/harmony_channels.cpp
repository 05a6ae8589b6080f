#include "core/chat/harmony_channels.h"

#include <algorithm>
#include <array>


namespace hub::chat {
namespace {

constexpr std::string_view kChannel = "<|channel|>";
constexpr std::string_view kMessage = "<|message|>";
constexpr std::string_view kStart = "<|start|>";
constexpr std::array<std::string_view, 3> kEnds = {"<|end|>", "<|call|>", "<|return|>"};
constexpr std::string_view kFunction = "to=functions.";

// The word that follows `mark` in a header; "" without.
std::string word_after(std::string_view header, std::string_view mark) {
  const std::size_t at = header.find(mark);
  if (at == std::string_view::npos) {
    return {};
  }
  std::string_view rest = header.substr(at + mark.size());
  const auto end =
      std::ranges::find_if(rest, [](char byte) { return is_space(byte) || byte == '<'; });
  return std::string(rest.begin(), end);
}

bool may_begin_mark(std::string_view text) {
  const auto begins = [&](std::string_view mark) { return mark.starts_with(text); };
  return begins(kStart) || std::ranges::any_of(kEnds, begins);
}

}  // namespace

std::vector<std::string_view> HarmonyChannels::marks() {
  return {kChannel, kMessage, kStart, kEnds[0], kEnds[1], kEnds[2], "<|constrain|>"};
}

void HarmonyChannels::begin_message(CallSink& sink) {
  const std::string name = word_after(held_, kFunction);
  in_call_ = calls_ && !name.empty();
  in_reasoning_ = reasons_ && !in_call_ && word_after(held_, kChannel) == "analysis";
  if (in_call_) {
    sink.begin(name);
    arguments_ = JsonScanner();
    whole_ = false;
  }
  in_header_ = false;
  held_.clear();
}

void HarmonyChannels::end_message(CallSink& sink) {
  if (in_call_) {
    sink.end();
  }
  in_call_ = in_reasoning_ = false;
  in_header_ = begun_ = true;
  held_.clear();
}

void HarmonyChannels::give(std::string_view text, CallSink& sink) {
  if (in_call_) {
    sink.arguments(text);
    for (const char byte : text) {
      whole_ = is_space(byte) ? whole_ : arguments_.take(byte) == JsonScanner::Step::kEnd;
    }
  } else {
    sink.text(in_reasoning_ ? ChatPiece::Kind::kReasoning : ChatPiece::Kind::kText, text);
  }
}

void HarmonyChannels::take(char byte, CallSink& sink) {
  held_.push_back(byte);
  if (in_header_) {
    if (held_.ends_with(kMessage)) {
      begin_message(sink);
    } else if (
        !begun_ && !kChannel.starts_with(held_) && !held_.starts_with(kChannel) &&
        !kStart.starts_with(held_) && !held_.starts_with(kStart) &&
        !std::string_view(" to=").starts_with(held_) && !held_.starts_with(" to=")) {
      in_header_ = false;  // an answer without a header
      give(held_, sink);
      held_.clear();
    }
    return;
  }
  while (!held_.empty() && !may_begin_mark(held_)) {
    give(std::string_view(held_).substr(0, 1), sink);
    held_.erase(0, 1);
  }
  if (std::ranges::find(kEnds, held_) != kEnds.end()) {
    end_message(sink);
  } else if (held_ == kStart) {
    end_message(sink);
    held_ = kStart;
  }
}

void HarmonyChannels::finish(CallSink& sink) {
  // A header alone is no text, unless nothing else came.
  if (!in_header_ || !begun_) {
    give(held_, sink);
  }
  if (in_call_ && whole_) {
    sink.end();
  }
  held_.clear();
}

}  // namespace hub::chat
