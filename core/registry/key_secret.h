#pragma once

#include <string>

namespace hub::registry {

// A new secret of an API key: "mh-" and 32 random bytes in base64url. Throws kUnavailable where the
// machine gives no random numbers.
std::string new_key_secret();

}  // namespace hub::registry
