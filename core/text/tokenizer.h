#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hub::text {

// Hugging Face's tokenizer behind our face: the ids and texts are those of `tokenizers`, byte for
// byte. Immutable after loading; any thread may call any function.
class Tokenizer {
 public:
  // Reads tokenizer.json in `folder` (a model folder as mlx-lm reads it). Throws kUnprocessable
  // with the reason.
  static std::shared_ptr<const Tokenizer> load(const std::filesystem::path& folder);
  ~Tokenizer();

  // Token ids of UTF-8 `text`. Special tokens written in the text are recognised. With
  // `add_special` the post-processor's tokens (BOS, EOS) are added. Throws kInvalidArgument when
  // `text` is not UTF-8.
  [[nodiscard]] std::vector<int> encode(std::string_view text, bool add_special = false) const;

  // As encode(), with each token's byte range [begin, end) in `text`. Added special tokens have an
  // empty range; tokens that share one character's bytes have the whole character's range.
  struct Encoding {
    std::vector<int> ids;
    std::vector<std::pair<std::size_t, std::size_t>> offsets;
  };
  [[nodiscard]] Encoding encode_with_offsets(std::string_view text, bool add_special = false) const;

  // Throws kInvalidArgument for an id outside the vocabulary.
  [[nodiscard]] std::string decode(std::span<const int> ids, bool skip_special = true) const;

  // Number of ids incl. added tokens.
  [[nodiscard]] int vocabulary_size() const;
  [[nodiscard]] std::optional<int> token_to_id(std::string_view token) const;
  // The vocabulary's own spelling of an id ("Ġthe"); nullopt outside the vocabulary.
  [[nodiscard]] std::optional<std::string> id_to_token(int id) const;

  // SHA-256 of tokenizer.json.
  [[nodiscard]] const std::string& digest() const { return digest_; }
  // The C handle (hub_text.h), for Detokenizer.
  [[nodiscard]] void* handle() const { return handle_; }

 private:
  Tokenizer(void* handle, std::string digest);
  void* handle_;
  std::string digest_;
};

}  // namespace hub::text
