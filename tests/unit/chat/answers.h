#pragma once

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/chat/answer_parser.h"
#include "core/chat/chat_piece.h"

namespace hub::chat {

inline Tool tool(const std::string& name, const base::Json& parameters = nullptr) {
  Tool result;
  result.name = name;
  if (!parameters.is_null()) {
    result.parameters = std::make_shared<const base::Json>(parameters);
  }
  return result;
}

// Two tools: get_weather(city, days, exact, flags), noop().
inline std::vector<Tool> tools() {
  return {
      tool(
          "get_weather",
          {{"type", "object"},
           {"properties",
            {{"city", {{"type", "string"}}},
             {"days", {{"type", "integer"}}},
             {"exact", {{"type", "boolean"}}},
             {"where", {{"type", "object"}}}}},
           {"required", {"city"}}}),
      tool("noop")};
}

// What a parser makes of an answer, ids left out: they are new each time.
struct Parsed {
  std::string text = {};
  std::string reasoning = {};
  std::vector<std::pair<std::string, std::string>> calls = {};  // name, arguments
  std::size_t whole_calls = 0;

  bool operator==(const Parsed&) const = default;
};

inline void PrintTo(const Parsed& parsed, std::ostream* out) {
  *out << "text " << base::Json(parsed.text) << ", reasoning " << base::Json(parsed.reasoning)
       << ", " << parsed.whole_calls << " whole of";
  for (const auto& [name, arguments] : parsed.calls) {
    *out << " " << name << "(" << arguments << ")";
  }
}

// Parses an answer that comes in these pieces.
inline Parsed parse_pieces(const AnswerShape& shape, const std::vector<std::string_view>& pieces) {
  AnswerParser parser(shape);
  std::vector<ChatPiece> found;
  for (const std::string_view piece : pieces) {
    for (ChatPiece& part : parser.push(piece)) {
      found.push_back(std::move(part));
    }
  }
  for (ChatPiece& part : parser.finish()) {
    found.push_back(std::move(part));
  }
  ChatAnswer answer;
  Parsed result;
  bool open = false;
  for (const ChatPiece& part : found) {
    answer.add(part);
    if (part.kind == ChatPiece::Kind::kCallBegins) {
      EXPECT_FALSE(open) << "a call begins within another";
      EXPECT_EQ(part.call + 1, answer.calls.size());
      EXPECT_FALSE(part.id.empty());
      open = true;
    } else if (part.kind == ChatPiece::Kind::kCallEnds) {
      EXPECT_TRUE(open);
      open = false;
      ++result.whole_calls;
    } else {
      EXPECT_FALSE(part.text.empty()) << "a piece that says nothing";
    }
  }
  EXPECT_EQ(parser.has_calls(), !answer.calls.empty());
  result.text = answer.text;
  result.reasoning = answer.reasoning;
  for (const ToolCall& call : answer.calls) {
    result.calls.emplace_back(call.name, call.arguments);
  }
  return result;
}

// Parses `text` whole, cut in two at every place, and byte by byte: all must give the same.
inline Parsed parse(const AnswerShape& shape, std::string_view text) {
  const Parsed whole = parse_pieces(shape, {text});
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_EQ(parse_pieces(shape, {text.substr(0, i), text.substr(i)}), whole) << "cut at " << i;
    bytes.push_back(text.substr(i, 1));
  }
  EXPECT_EQ(parse_pieces(shape, bytes), whole) << "byte by byte";
  return whole;
}

}  // namespace hub::chat
