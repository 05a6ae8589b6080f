#include "core/text/grammar.h"

#include "core/base/error.h"
#include "core/text/rust_call.h"

namespace hub::text {
namespace {

struct Name {
  HubGrammarKind kind;
  std::string_view text;
};

Name name_of(GrammarSpec::Kind kind) {
  switch (kind) {
    case GrammarSpec::Kind::kJsonSchema:
      return {HUB_GRAMMAR_JSON_SCHEMA, "the JSON schema cannot be used: "};
    case GrammarSpec::Kind::kRegex:
      return {HUB_GRAMMAR_REGEX, "the regular expression cannot be used: "};
    case GrammarSpec::Kind::kLark:
      return {HUB_GRAMMAR_LARK, "the grammar cannot be used: "};
    case GrammarSpec::Kind::kJsonObject:
      break;
  }
  return {HUB_GRAMMAR_JSON_OBJECT, "JSON mode: "};
}

constexpr std::string_view kStep = "the answer's grammar cannot be followed: ";

HubGrammarState* new_state(const HubGrammar* grammar) {
  HubGrammarState* state = nullptr;
  rust_call(kStep, hub_grammar_state_new, grammar, &state);
  return state;
}

}  // namespace

Grammar::Grammar(const HubVocabulary* vocabulary, const GrammarSpec& spec) {
  const Name name = name_of(spec.kind);
  HubGrammar* grammar = nullptr;
  rust_call(
      name.text,
      hub_grammar_new,
      vocabulary,
      static_cast<int>(name.kind),
      spec.text.data(),
      spec.text.size(),
      &grammar);
  grammar_.reset(grammar);
}

void Grammar::Release::operator()(HubGrammar* grammar) const {
  hub_grammar_free(grammar);
}

GrammarState::GrammarState(const Grammar& grammar)
    : GrammarState(new_state(grammar.grammar_.get())) {}

GrammarState::GrammarState(HubGrammarState* state) : state_(state) {}

void GrammarState::Release::operator()(HubGrammarState* state) const {
  hub_grammar_state_free(state);
}

GrammarState GrammarState::clone() const {
  HubGrammarState* copy = nullptr;
  rust_call(kStep, hub_grammar_state_clone, state_.get(), &copy);
  return GrammarState(copy);
}

void GrammarState::fill_mask(std::span<std::uint32_t> mask) {
  rust_call(kStep, hub_grammar_state_mask, state_.get(), mask.data(), mask.size());
}

void GrammarState::accept(int token) {
  // A negative id becomes one beyond every vocabulary.
  rust_call(kStep, hub_grammar_state_accept, state_.get(), static_cast<std::uint32_t>(token));
}

void GrammarState::rollback(std::size_t count) {
  rust_call(kStep, hub_grammar_state_rollback, state_.get(), count);
}

bool GrammarState::may_end() const {
  bool may = false;
  bool must = false;
  rust_call(kStep, hub_grammar_state_ends, state_.get(), &may, &must);
  return may;
}

bool GrammarState::must_end() const {
  bool may = false;
  bool must = false;
  rust_call(kStep, hub_grammar_state_ends, state_.get(), &may, &must);
  return must;
}

std::vector<int> GrammarState::forced() const {
  HubEncoding tokens{nullptr, nullptr, 0};
  rust_call(kStep, hub_grammar_state_forced, state_.get(), &tokens);
  std::vector<int> ids(tokens.ids, tokens.ids + tokens.size);
  hub_encoding_free(tokens);
  return ids;
}

}  // namespace hub::text
