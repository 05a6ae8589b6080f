// llama.cpp's grammars: what is translated is a grammar, or is refused where it is compiled.
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "api/llama_cpp/gbnf.h"
#include "core/base/json.h"
#include "core/text/grammar_compiler.h"
#include "core/text/tokenizer.h"
#include "tests/fuzz/fuzz_target.h"

namespace hub::fuzz {
namespace {

const text::GrammarCompiler& compiler() {
  static const text::GrammarCompiler made(
      *text::Tokenizer::load(
          std::filesystem::path(HUB_SOURCE_DIR) / "tests/golden/text/tokenizers/split_style"),
      1000,
      std::vector<int>{1});
  return made;
}

}  // namespace

void run(std::string_view input) {
  // What comes over HTTP is UTF-8: parse_json() refuses the rest.
  try {
    static_cast<void>(base::Json(input).dump());
  } catch (const base::Json::exception&) {
    return;
  }
  std::string lark;
  if (!accepts([&] { lark = api::lark_from_gbnf(input, "grammar"); })) {
    return;
  }
  require(lark.find("start: ") != std::string::npos, "a grammar has a beginning");
  accepts([&] {
    static_cast<void>(compiler().compile({.kind = text::GrammarSpec::Kind::kLark, .text = lark}));
  });
}

}  // namespace hub::fuzz
