// What an answer must look like, from a request: a line with the kind (0 to 3) and the choices of a
// walk, then the schema, expression or grammar.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/text/grammar_compiler.h"
#include "core/text/tokenizer.h"
#include "tests/fuzz/fuzz_target.h"

namespace hub::fuzz {
namespace {

constexpr int kLogits = 1000;
constexpr int kEnd = 1;

const text::GrammarCompiler& compiler() {
  static const text::GrammarCompiler made(
      *text::Tokenizer::load(
          std::filesystem::path(HUB_SOURCE_DIR) / "tests/golden/text/tokenizers/split_style"),
      kLogits,
      std::vector<int>{kEnd});
  return made;
}

std::vector<int> allowed(text::GrammarState& state) {
  std::vector<std::uint32_t> mask((kLogits + 31) / 32);
  state.fill_mask(mask);
  std::vector<int> tokens;
  for (int token = 0; token < kLogits; ++token) {
    if (((mask[static_cast<std::size_t>(token) / 32] >> (token % 32)) & 1U) != 0) {
      tokens.push_back(token);
    }
  }
  return tokens;
}

}  // namespace

void run(std::string_view input) {
  Parts parts(input);
  const std::string_view choices = parts.next();
  const auto kind = choices.empty() ? 0 : choices.front() % 4;
  const text::GrammarSpec spec{
      .kind = static_cast<text::GrammarSpec::Kind>(kind), .text = std::string(parts.rest())};
  accepts([&] {
    text::GrammarState state(*compiler().compile(spec));
    for (const char choice : choices.substr(0, 64)) {
      const std::vector<int> tokens = allowed(state);
      require(!tokens.empty(), "something may come next");
      require(
          (std::ranges::find(tokens, kEnd) != tokens.end()) == state.may_end(),
          "the end is allowed where the answer may end");
      const auto index = static_cast<std::size_t>(static_cast<unsigned char>(choice));
      text::GrammarState copy = state.clone();
      copy.accept(tokens[index % tokens.size()]);
      copy.rollback(1);
      require(allowed(copy) == tokens, "a step taken back leaves nothing");
      state.accept(tokens[index % tokens.size()]);
    }
  });
}

}  // namespace hub::fuzz
