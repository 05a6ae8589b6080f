#include "core/chat/chat_piece.h"

namespace hub::chat {

void ChatAnswer::add(const ChatPiece& piece) {
  switch (piece.kind) {
    case ChatPiece::Kind::kText:
      text += piece.text;
      break;
    case ChatPiece::Kind::kReasoning:
      reasoning += piece.text;
      break;
    case ChatPiece::Kind::kCallBegins:
      calls.push_back({.id = piece.id, .name = piece.name, .arguments = {}});
      break;
    case ChatPiece::Kind::kArguments:
      calls.at(piece.call).arguments += piece.text;
      break;
    case ChatPiece::Kind::kCallEnds:
      break;
  }
}

}  // namespace hub::chat
