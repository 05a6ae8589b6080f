#include "core/text/tokenizer.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/text/rust_call.h"

namespace hub::text {
namespace {

// Gemma 3's file, the largest seen, has 33 MB.
constexpr std::uint64_t kFileLimit = 256ULL << 20U;

const HubTokenizer* as_rust(void* handle) {
  return static_cast<const HubTokenizer*>(handle);
}

class RustEncoding {
 public:
  RustEncoding() = default;
  ~RustEncoding() { hub_encoding_free(encoding_); }
  RustEncoding(const RustEncoding&) = delete;
  RustEncoding& operator=(const RustEncoding&) = delete;

  HubEncoding* out() { return &encoding_; }
  [[nodiscard]] const HubEncoding& get() const { return encoding_; }
  [[nodiscard]] std::vector<int> ids() const {
    return {encoding_.ids, encoding_.ids + encoding_.size};
  }

 private:
  HubEncoding encoding_{nullptr, nullptr, 0};
};

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::load(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tokenizer.json";
  std::string json;
  try {
    json = base::read_file(path, kFileLimit);
  } catch (const base::Error& error) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("the model has no usable tokenizer.json: {}", error.what()));
  }
  HubTokenizer* handle = nullptr;
  rust_call(
      "tokenizer.json cannot be used: ", hub_tokenizer_new, json.data(), json.size(), &handle);
  return std::shared_ptr<const Tokenizer>(new Tokenizer(handle, base::sha256_hex(json)));
}

Tokenizer::Tokenizer(void* handle, std::string digest)
    : handle_(handle), digest_(std::move(digest)) {}

Tokenizer::~Tokenizer() {
  hub_tokenizer_free(static_cast<HubTokenizer*>(handle_));
}

std::vector<int> Tokenizer::encode(std::string_view text, bool add_special) const {
  RustEncoding encoding;
  rust_call(
      "the text cannot be tokenized: ",
      hub_tokenizer_encode,
      as_rust(handle_),
      text.data(),
      text.size(),
      add_special,
      false,
      encoding.out());
  return encoding.ids();
}

Tokenizer::Encoding Tokenizer::encode_with_offsets(std::string_view text, bool add_special) const {
  RustEncoding encoding;
  rust_call(
      "the text cannot be tokenized: ",
      hub_tokenizer_encode,
      as_rust(handle_),
      text.data(),
      text.size(),
      add_special,
      true,
      encoding.out());
  Encoding result{.ids = encoding.ids(), .offsets = {}};
  const HubEncoding& raw = encoding.get();
  result.offsets.reserve(raw.size);
  for (std::size_t i = 0; i < raw.size; ++i) {
    result.offsets.emplace_back(raw.offsets[2 * i], raw.offsets[2 * i + 1]);
  }
  return result;
}

std::string Tokenizer::decode(std::span<const int> ids, bool skip_special) const {
  const auto negative = std::find_if(ids.begin(), ids.end(), [](int id) { return id < 0; });
  if (negative != ids.end()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("the tokens cannot be decoded: token {} is not in the vocabulary", *negative));
  }
  const std::vector<std::uint32_t> unsigned_ids(ids.begin(), ids.end());
  RustText text;
  rust_call(
      "the tokens cannot be decoded: ",
      hub_tokenizer_decode,
      as_rust(handle_),
      unsigned_ids.data(),
      unsigned_ids.size(),
      skip_special,
      text.out());
  return text.str();
}

int Tokenizer::vocabulary_size() const {
  std::size_t size = 0;
  rust_call("vocabulary: ", hub_tokenizer_vocabulary_size, as_rust(handle_), &size);
  return static_cast<int>(size);
}

std::optional<int> Tokenizer::token_to_id(std::string_view token) const {
  bool found = false;
  std::uint32_t id = 0;
  rust_call(
      "token: ",
      hub_tokenizer_token_to_id,
      as_rust(handle_),
      token.data(),
      token.size(),
      &found,
      &id);
  return found ? std::optional<int>(static_cast<int>(id)) : std::nullopt;
}

std::optional<std::string> Tokenizer::id_to_token(int id) const {
  if (id < 0) {
    return std::nullopt;
  }
  bool found = false;
  RustText token;
  rust_call(
      "token: ",
      hub_tokenizer_id_to_token,
      as_rust(handle_),
      static_cast<std::uint32_t>(id),
      &found,
      token.out());
  return found ? std::optional<std::string>(token.str()) : std::nullopt;
}

}  // namespace hub::text
