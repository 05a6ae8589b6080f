#pragma once

#include <string>
#include <string_view>

namespace hub::api {

// llama.cpp's GBNF (https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md) in the
// variant of Lark that text::GrammarSpec::Kind::kLark takes. Every terminal is one character, as
// GBNF means it, so that no longer one swallows what a rule needs. Throws kInvalidArgument naming
// the line, with `path` as the field: for text that is no GBNF, rules that are not defined or
// defined twice, a missing "root", and tokens by id or name (<[5]>, <think>), which are not
// supported.
std::string lark_from_gbnf(std::string_view gbnf, const std::string& path);

}  // namespace hub::api
