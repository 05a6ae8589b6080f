#pragma once

#include <string>
#include <string_view>

namespace hub::api {

// Anthropic's name for the kind of failure that an HTTP status tells:
// https://docs.anthropic.com/en/api/errors
std::string_view anthropic_error_type(int status);

// {"type":"error","error":{"type","message"},"request_id"}, one line. `code`: our own reason; a
// prompt beyond the context is told in the words that Anthropic's clients look for.
std::string anthropic_error(
    int status, std::string_view message, std::string_view code, std::string_view request_id);

}  // namespace hub::api
