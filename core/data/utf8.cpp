#include "core/data/utf8.h"

namespace hub::data {
namespace {

struct Lead {
  std::size_t continuation = 0;  // bytes that must follow
  unsigned char low = 0x80;      // range of the first of them; the others are 80..BF
  unsigned char high = 0xBF;
};

std::optional<Lead> lead_of(unsigned char byte) {
  if (byte < 0x80) {
    return Lead{};
  }
  if (byte >= 0xC2 && byte <= 0xDF) {
    return Lead{.continuation = 1};
  }
  if (byte >= 0xE0 && byte <= 0xEF) {
    return Lead{
        .continuation = 2,
        .low = static_cast<unsigned char>(byte == 0xE0 ? 0xA0 : 0x80),
        .high = static_cast<unsigned char>(byte == 0xED ? 0x9F : 0xBF)};
  }
  if (byte >= 0xF0 && byte <= 0xF4) {
    return Lead{
        .continuation = 3,
        .low = static_cast<unsigned char>(byte == 0xF0 ? 0x90 : 0x80),
        .high = static_cast<unsigned char>(byte == 0xF4 ? 0x8F : 0xBF)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> first_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = lead_of(static_cast<unsigned char>(text[at]));
    if (!lead || at + lead->continuation >= text.size()) {
      return at;
    }
    for (std::size_t i = 1; i <= lead->continuation; ++i) {
      const auto byte = static_cast<unsigned char>(text[at + i]);
      const bool good = i == 1 ? byte >= lead->low && byte <= lead->high : (byte & 0xC0U) == 0x80;
      if (!good) {
        return at;
      }
    }
    at += lead->continuation + 1;
  }
  return std::nullopt;
}

}  // namespace hub::data
