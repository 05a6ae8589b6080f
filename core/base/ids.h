#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hub::base {

// A new UUIDv7 (RFC 9562), lower case: sorts by creation time; ids made by one process in the same
// millisecond keep their order. Thread-safe.
std::string new_id();

// True for 8-4-4-4-12 lower-case hexadecimal digits.
bool is_id(std::string_view text);

// Throws kInvalidArgument unless `name` matches [A-Za-z0-9][A-Za-z0-9._-]{0,99}: models, adapters,
// aliases, data sets. `field` is the path named in the error.
void check_name(std::string_view name, std::string_view field);

}  // namespace hub::base
