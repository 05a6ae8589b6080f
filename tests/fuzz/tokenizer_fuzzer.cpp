// tokenizer.json from a stranger, and a text for it.
#include "core/text/detokenizer.h"
#include "core/text/tokenizer.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/scratch_folder.h"

namespace hub::fuzz {

void run(std::string_view input) {
  Parts parts(input);
  const ScratchFolder& folder = ScratchFolder::emptied();
  folder.put("tokenizer.json", parts.next());
  std::shared_ptr<const text::Tokenizer> tokenizer;
  if (!accepts([&] { tokenizer = text::Tokenizer::load(folder.path()); })) {
    return;
  }
  const std::string_view text = parts.rest();
  accepts([&] {
    const auto encoding = tokenizer->encode_with_offsets(text, true);
    require(encoding.ids.size() == encoding.offsets.size(), "each token has a place");
    for (const auto& [begin, end] : encoding.offsets) {
      require(begin <= end && end <= text.size(), "a token lies in the text");
    }
    require(tokenizer->encode(text, true) == encoding.ids, "places do not change tokens");
    static_cast<void>(tokenizer->decode(encoding.ids));
    text::Detokenizer stream(tokenizer);
    for (const int id : encoding.ids) {
      stream.push(id);
    }
    stream.flush();
  });
}

}  // namespace hub::fuzz
