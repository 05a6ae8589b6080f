#include "core/text/detokenizer.h"

#include <cstdint>
#include <utility>

#include "core/text/rust_call.h"

namespace hub::text {

Detokenizer::Detokenizer(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special)
    : tokenizer_(std::move(tokenizer)), stream_(nullptr) {
  HubStream* stream = nullptr;
  rust_call(
      "detokenizer: ",
      hub_stream_new,
      static_cast<const HubTokenizer*>(tokenizer_->handle()),
      skip_special,
      &stream);
  stream_ = stream;
}

Detokenizer::~Detokenizer() {
  hub_stream_free(static_cast<HubStream*>(stream_));
}

std::string Detokenizer::push(int id) {
  RustText text;
  rust_call(
      "the token cannot be decoded: ",
      hub_stream_push,
      static_cast<HubStream*>(stream_),
      static_cast<std::uint32_t>(id),
      text.out());
  return text.str();
}

std::string Detokenizer::flush() {
  RustText text;
  rust_call(
      "the tokens cannot be decoded: ",
      hub_stream_flush,
      static_cast<HubStream*>(stream_),
      text.out());
  return text.str();
}

}  // namespace hub::text
