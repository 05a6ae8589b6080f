#include "api/llama_cpp/gbnf.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json.h"

namespace hub::api {

namespace {

constexpr int kMaxDepth = 64;               // of parentheses
constexpr std::int64_t kMaxRepeats = 2000;  // as llama.cpp's

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

// The UTF-8 of a code point below 0x110000.
std::string utf8(std::uint32_t code) {
  std::string text;
  const auto add = [&text](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0U | code >> 6U);
    add(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    add(0xE0U | code >> 12U);
    add(0x80U | (code >> 6U & 0x3FU));
    add(0x80U | (code & 0x3FU));
  } else {
    add(0xF0U | code >> 18U);
    add(0x80U | (code >> 12U & 0x3FU));
    add(0x80U | (code >> 6U & 0x3FU));
    add(0x80U | (code & 0x3FU));
  }
  return text;
}

class Translation {
 public:
  Translation(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  std::string run() {
    skip_space(true);
    while (at_ < text_.size()) {
      read_rule();
    }
    std::string lark;
    if (!rules_.contains("root")) {
      refuse("a rule named \"root\" was wanted, there is none");
    }
    for (const auto& [name, rule] : rules_) {
      if (!rule.body) {
        line_ = rule.line;
        refuse(fmt::format("the rule \"{}\" is not defined", name));
      }
      lark += fmt::format("{}: {}\n", rule.lark_name, *rule.body);
    }
    return lark;
  }

 private:
  struct Rule {
    std::string lark_name;
    int line = 0;  // where it is named first
    std::optional<std::string> body{};
  };

  [[noreturn]] void refuse(const std::string& why) const {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("'{}', line {}: {}", path_, line_, why),
        path_);
  }

  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] std::string shown() const {
    return at_ < text_.size() ? fmt::format("\"{}\"", text_.substr(at_, 1)) : "the end";
  }
  void expect(char c) {
    if (peek() != c) {
      refuse(fmt::format("\"{}\" was wanted, got {}", c, shown()));
    }
    ++at_;
  }

  // Blanks and comments, and ends of lines where a rule goes on over them.
  void skip_space(bool newlines) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == '\n' && newlines) {
        ++line_;
        ++at_;
      } else if (c == ' ' || c == '\t' || (c == '\r' && newlines)) {
        ++at_;
      } else {
        return;
      }
    }
  }

  std::string read_name() {
    const std::size_t begin = at_;
    while (is_word(peek())) {
      ++at_;
    }
    if (begin == at_) {
      refuse(fmt::format("a rule's name was wanted, got {}", shown()));
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  Rule& rule(const std::string& name) {
    const auto [found, is_new] = rules_.try_emplace(name);
    if (is_new) {
      found->second = {
          .lark_name = name == "root" ? "start" : fmt::format("r{}", rules_.size()), .line = line_};
    }
    return found->second;
  }

  void read_rule() {
    const std::string name = read_name();
    skip_space(false);
    for (const char c : std::string_view("::=")) {
      expect(c);
    }
    skip_space(true);
    if (rule(name).body) {
      refuse(fmt::format("the rule \"{}\" is defined twice", name));
    }
    std::string body = read_alternatives(0);
    rule(name).body = std::move(body);
    if (peek() == '\r') {
      ++at_;
    }
    if (at_ < text_.size() && peek() != '\n') {
      refuse(fmt::format("the end of the line was wanted, got {}", shown()));
    }
    skip_space(true);
  }

  std::string read_alternatives(int depth) {
    if (depth > kMaxDepth) {
      refuse(fmt::format("parentheses may lie {} deep", kMaxDepth));
    }
    std::string result = read_sequence(depth);
    while (peek() == '|') {
      ++at_;
      skip_space(true);
      result += " | " + read_sequence(depth);
    }
    return result;
  }

  std::string read_sequence(int depth) {
    std::string result;
    while (true) {
      std::optional<std::string> item = read_item(depth);
      if (!item) {
        return result.empty() ? "\"\"" : result;
      }
      skip_space(depth > 0);
      result += (result.empty() ? "" : " ") + *item + read_repeats();
      skip_space(depth > 0);
    }
  }

  std::optional<std::string> read_item(int depth) {
    const char c = peek();
    if (c == '"') {
      return read_literal();
    }
    if (c == '[') {
      return read_class();
    }
    if (c == '.') {
      ++at_;
      return "/(.|\\n)/";
    }
    if (c == '(') {
      ++at_;
      skip_space(true);
      std::string inner = read_alternatives(depth + 1);
      expect(')');
      return "(" + inner + ")";
    }
    if (c == '<' || c == '!') {
      refuse("tokens by their id or name are not supported");
    }
    return is_word(c) ? std::optional(rule(read_name()).lark_name) : std::nullopt;
  }

  std::int64_t read_number() {
    std::int64_t number = 0;
    const std::size_t begin = at_;
    while (peek() >= '0' && peek() <= '9' && number <= kMaxRepeats) {
      number = 10 * number + (peek() - '0');
      ++at_;
    }
    if (begin == at_ || number > kMaxRepeats) {
      refuse(fmt::format("a number up to {} was wanted", kMaxRepeats));
    }
    return number;
  }

  // "*", "+", "?", "{2}", "{2,}", "{2,5}", or nothing.
  std::string read_repeats() {
    const char c = peek();
    if (c == '*' || c == '+' || c == '?') {
      ++at_;
      return {c};
    }
    if (c != '{') {
      return {};
    }
    ++at_;
    skip_space(false);
    const std::int64_t low = peek() == ',' ? 0 : read_number();
    skip_space(false);
    std::string result = fmt::format("{{{},{}}}", low, low);
    if (peek() == ',') {
      ++at_;
      skip_space(false);
      if (peek() == '}') {
        result = fmt::format("{{{},}}", low);
      } else {
        const std::int64_t high = read_number();
        if (high < low) {
          refuse(fmt::format("{{{},{}}} repeats less often than at least", low, high));
        }
        result = fmt::format("{{{},{}}}", low, high);
      }
      skip_space(false);
    }
    expect('}');
    return result;
  }

  std::uint32_t read_hex(int digits) {
    std::uint32_t code = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) {
        refuse(fmt::format("{} hexadecimal digits were wanted, got {}", digits, shown()));
      }
      code = 16 * code + static_cast<std::uint32_t>(digit);
    }
    if (code >= 0x110000 || (code >= 0xD800 && code < 0xE000)) {
      refuse(fmt::format("U+{:04X} is no character", code));
    }
    return code;
  }

  // The next character of a literal or a class.
  std::string read_character() {
    if (at_ >= text_.size() || peek() == '\n') {
      refuse("a literal or a class of characters has no end");
    }
    if (peek() != '\\') {
      const std::size_t begin = at_++;
      while (at_ < text_.size() && (static_cast<unsigned char>(text_[at_]) & 0xC0U) == 0x80U) {
        ++at_;
      }
      return std::string(text_.substr(begin, at_ - begin));
    }
    ++at_;
    const char c = peek();
    ++at_;
    switch (c) {
      case 'x':
        return utf8(read_hex(2));
      case 'u':
        return utf8(read_hex(4));
      case 'U':
        return utf8(read_hex(8));
      case 't':
        return "\t";
      case 'r':
        return "\r";
      case 'n':
        return "\n";
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
      case '/':
        return {c};
      default:
        --at_;
        refuse(fmt::format("an escape was wanted, got {}", shown()));
    }
  }

  std::string read_literal() {
    expect('"');
    std::string result;
    while (peek() != '"') {
      result += (result.empty() ? "" : " ") + base::Json(read_character()).dump();
    }
    ++at_;
    return result.empty() ? "\"\"" : "(" + result + ")";
  }

  // A character of a class in a regular expression.
  std::string escaped(const std::string& character) {
    if (character == "\n") {
      return "\\n";
    }
    const bool is_plain = character.size() > 1 || (character[0] >= '0' && character[0] <= '9') ||
                          (character[0] >= 'a' && character[0] <= 'z') ||
                          (character[0] >= 'A' && character[0] <= 'Z');
    return is_plain
               ? character
               : fmt::format(
                     "\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(character[0])));
  }

  std::string read_class() {
    expect('[');
    std::string result = "/[";
    if (peek() == '^') {
      result += '^';
      ++at_;
    }
    bool is_empty = true;
    while (peek() != ']') {
      const std::string low = read_character();
      result += escaped(low);
      is_empty = false;
      if (peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        const std::string high = read_character();
        if (high < low) {  // UTF-8 sorts as its characters do
          refuse(fmt::format("the range {}-{} is empty", low, high));
        }
        result += "-" + escaped(high);
      }
    }
    ++at_;
    if (is_empty) {
      refuse("a class of characters is empty");
    }
    return result + "]/";
  }

  const std::string_view text_;
  const std::string& path_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::map<std::string, Rule> rules_;
};

}  // namespace

std::string lark_from_gbnf(std::string_view gbnf, const std::string& path) {
  return Translation(gbnf, path).run();
}

}  // namespace hub::api
