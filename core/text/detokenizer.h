#pragma once

#include <memory>
#include <string>

#include "core/text/tokenizer.h"

namespace hub::text {

// Turns a stream of tokens into UTF-8 text; holds back bytes that are not yet a whole character.
// The concatenation of push()… and flush() equals decode() of all ids; an id outside the vocabulary
// (a padded row of the output matrix that got sampled) adds nothing. One thread at a time.
class Detokenizer {
 public:
  explicit Detokenizer(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special = true);
  ~Detokenizer();
  Detokenizer(const Detokenizer&) = delete;
  Detokenizer& operator=(const Detokenizer&) = delete;

  // The text that became certain with this token; often empty in the middle of a character.
  std::string push(int id);
  // What was still held back; the detokenizer is then empty.
  std::string flush();

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  void* stream_;
};

}  // namespace hub::text
