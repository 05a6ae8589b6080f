#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct HubGrammar;
struct HubGrammarState;
struct HubVocabulary;

namespace hub::text {

// What an answer must look like.
struct GrammarSpec {
  enum class Kind : std::uint8_t {
    kJsonSchema,  // text: a JSON schema. Properties come in the schema's order
    kJsonObject,  // any JSON object; text is not read
    kRegex,       // text: a regular expression in Rust's syntax, for the whole answer
    kLark,        // text: a context-free grammar in llguidance's variant of Lark
  };
  Kind kind = Kind::kJsonObject;
  std::string text;

  bool operator==(const GrammarSpec&) const = default;
};

// A compiled GrammarSpec, made by GrammarCompiler; keeps alive what it needs. Any thread may begin
// answers with one.
class Grammar {
 public:
  // Throws kInvalidArgument with what cannot be used and where: a JSON pointer into the schema, the
  // character of the expression, the line and column of the grammar.
  Grammar(const HubVocabulary* vocabulary, const GrammarSpec& spec);

 private:
  friend class GrammarState;
  struct Release {
    void operator()(HubGrammar* grammar) const;
  };
  std::unique_ptr<HubGrammar, Release> grammar_;
};

// How far one answer has come. One thread at a time, also for the const functions. When a function
// throws kUnprocessable (the grammar is too complex to be followed, or wants a character that no
// token spells), the answer cannot go on.
class GrammarState {
 public:
  explicit GrammarState(const Grammar& grammar);

  // A state that goes on by itself from here, on any thread; costs some microseconds.
  [[nodiscard]] GrammarState clone() const;

  // Sets bit i % 32 of mask[i / 32] where token i may come next. `mask` has (logits + 31) / 32
  // words. The end tokens are in it where the answer may end, and nothing else where it must.
  void fill_mask(std::span<std::uint32_t> mask);

  // Goes on by one token, also by an end token where the answer may end. Throws kInvalidArgument,
  // with nothing changed, for a token that cannot come next. Takes other spellings of a forced text
  // than fill_mask() allows, too.
  void accept(int token);
  // Takes the last `count` accepted tokens back. Throws kUnprocessable when there are fewer.
  void rollback(std::size_t count);

  // True where the answer is complete.
  [[nodiscard]] bool may_end() const;
  // True where nothing but an end token may follow, and after one.
  [[nodiscard]] bool must_end() const;

  // The tokens that must come next, as the tokenizer writes them; often none. None at all for
  // SentencePiece's tokenizers. They are not accepted by this.
  [[nodiscard]] std::vector<int> forced() const;

 private:
  struct Release {
    void operator()(HubGrammarState* state) const;
  };
  explicit GrammarState(HubGrammarState* state);
  std::unique_ptr<HubGrammarState, Release> state_;
};

}  // namespace hub::text
