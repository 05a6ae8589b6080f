#pragma once

#include <string>
#include <string_view>

namespace hub::base {

// As one word of a POSIX shell: in single quotes.
std::string shell_quoted(std::string_view text);

// What a command line of the shell writes to standard output; what it wrote before it failed, ""
// when it cannot be started. Waits for its end. Its words are the caller's to quote.
std::string shell_output(const std::string& command);

}  // namespace hub::base
