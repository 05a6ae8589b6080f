#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hub::base {

// Milliseconds since 1970 of what rfc3339() (clock.h) writes, with or without a fraction of seconds
// (what is below a millisecond is dropped), in UTC ("Z") or with an offset ("+02:00"). nullopt for
// anything else.
std::optional<std::int64_t> from_rfc3339(std::string_view text);

}  // namespace hub::base
