#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/chat/tool.h"

namespace hub::chat {

// A part of an answer that has become certain. Concatenated, the pieces of one kind (and call) are
// what a whole answer holds; the wire formats render them one by one.
struct ChatPiece {
  enum class Kind : std::uint8_t {
    kText,        // `text`: more of what the user reads
    kReasoning,   // `text`: more of what the model thinks
    kCallBegins,  // `id` and `name` of call `call`; its arguments follow
    kArguments,   // `text`: more of call `call`'s arguments, JSON text
    kCallEnds,    // call `call` is whole; missing for one that was cut off
  };
  Kind kind = Kind::kText;
  std::string text = {};
  std::size_t call = 0;  // from 0; a call ends before the next begins
  std::string id = {};
  std::string name = {};

  bool operator==(const ChatPiece&) const = default;
};

// An answer's parts together.
struct ChatAnswer {
  std::string text;
  std::string reasoning;
  std::vector<ToolCall> calls;

  void add(const ChatPiece& piece);
};

}  // namespace hub::chat
