#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json_reader.h"
#include "core/engine/generation.h"
#include "core/text/grammar.h"

namespace hub::api {

// What the chat and the text route have in common, read from a request's body.
struct GenerationOptions {
  std::string model;  // "" when absent
  bool stream = false;
  bool include_usage = false;  // stream_options.include_usage
  engine::SamplingParams sampling;
  std::vector<std::string> dry_breakers{"\n", ":", "\"", "*"};  // rules.dry.breakers as texts
  std::optional<int> max_tokens;    // max_completion_tokens, else max_tokens; absent: no limit but
                                    // the context; 0 only with echo
  int min_tokens = 0;               // nothing but a stop string ends the answer before
  bool ignore_eos = false;          // the model's own end does not end the answer
  std::vector<int> stop_token_ids;  // end it as the model's own do
  std::vector<std::string> stop;    // at most 16
  int n = 1;                        // answers a prompt
  int best_of = 1;                  // >= n: so many are made, and the likeliest n are told
  // A conversation or prompt that leaves no room for an answer loses its oldest part (absent: it is
  // refused).
  bool truncates = false;
  // Only so many last tokens of a prompt are taken; -1: as many as leave room for an answer.
  std::optional<int> truncate_prompt_tokens;
  std::string prediction;  // a text that the answer may resemble: makes it faster, not other
  std::optional<text::GrammarSpec> grammar;  // what an answer must look like
  int priority = 0;                          // as vLLM's: those with a lower one are answered first
  std::optional<double> keep_alive_seconds{};  // read_keep_alive()
  bool echo = false;      // an answer begins with its prompt, and so do its logprobs
  bool logprobs = false;  // each token with its own and the top_logprobs likeliest

  // Unknown fields are ignored; known ones of a wrong type or range, and those that would change
  // the answer but are not supported, throw kInvalidArgument with the field's path (reason
  // "unsupported_parameter" for the latter). `can_echo`: the route knows "echo".
  static GenerationOptions from_json(const base::JsonReader& body, bool can_echo = false);

  static constexpr int kMaxAnswers = 128;  // of n and best_of
  static constexpr int kMaxTopLogprobs = 20;
  static constexpr int kMaxPriority = 1000;  // and from its negative on
};

// Throws the error for a field that would change the answer but is not supported.
[[noreturn]] void refuse_unsupported(const std::string& path, const std::string& advice);

// The same where the field asks for something: an empty list, object or string does not.
void refuse_if_asked(const base::JsonReader& body, std::string_view key, const std::string& advice);

}  // namespace hub::api
