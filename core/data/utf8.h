#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace hub::data {

// The place of the first byte that is not part of well-formed UTF-8 (Unicode 15, table 3-7: no
// overlong forms, no surrogates, nothing above U+10FFFF); nullopt when all of it is.
std::optional<std::size_t> first_invalid_utf8(std::string_view text);

}  // namespace hub::data
