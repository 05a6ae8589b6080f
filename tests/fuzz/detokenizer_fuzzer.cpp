// Hostile text and token ids for two honest tokenizers: bytes with merges, and SentencePiece's
// pieces with single bytes for what is unknown. The first byte chooses.
#include <string>
#include <vector>

#include "core/text/detokenizer.h"
#include "core/text/tokenizer.h"
#include "tests/fuzz/fuzz_target.h"

namespace hub::fuzz {
namespace {

std::shared_ptr<const text::Tokenizer> golden(const char* name) {
  return text::Tokenizer::load(std::string(HUB_SOURCE_DIR "/tests/golden/text/tokenizers/") + name);
}

void check_stream(
    const std::shared_ptr<const text::Tokenizer>& tokenizer, const std::vector<int>& ids) {
  for (const bool skip_special : {true, false}) {
    text::Detokenizer stream(tokenizer, skip_special);
    std::string text;
    for (const int id : ids) {
      text += stream.push(id);
    }
    text += stream.flush();
    require(text == tokenizer->decode(ids, skip_special), "a stream gives what decode() gives");
  }
}

}  // namespace

void run(std::string_view input) {
  static const auto merged = golden("split_style");
  static const auto pieces = golden("sentencepiece_style");
  if (input.empty()) {
    return;
  }
  const auto& tokenizer = (input.front() & 1) == 0 ? merged : pieces;
  input.remove_prefix(1);

  accepts([&] {
    const auto encoding = tokenizer->encode_with_offsets(input);
    for (const auto& [begin, end] : encoding.offsets) {
      require(begin <= end && end <= input.size(), "a token lies in the text");
    }
    check_stream(tokenizer, encoding.ids);
  });

  std::vector<int> ids;
  const int most = tokenizer->vocabulary_size();
  for (std::size_t i = 0; i + 1 < input.size(); i += 2) {
    const int high = static_cast<unsigned char>(input[i]);
    ids.push_back((high * 256 + static_cast<unsigned char>(input[i + 1])) % most);
  }
  accepts([&] { check_stream(tokenizer, ids); });
}

}  // namespace hub::fuzz
