#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>

namespace hub::hub {

// What settings hold, from text. `source` is how a message calls the setting: "port (command
// line)". All throw kInvalidArgument: "<source> must be <wanted>, got "<got>"".

[[noreturn]] void refuse(
    const std::string& source, const std::string& wanted, const std::string& got);

double number(const std::string& text, const std::string& source, double low, double high);

std::uint64_t whole(
    const std::string& text, const std::string& source, std::uint64_t low, std::uint64_t high);

std::string one_of(
    const std::string& text, const std::string& source, std::initializer_list<std::string> choices);

// As a Host header has it, without port.
void check_host_name(const std::string& host, const std::string& source);

// As an Origin header has it: a scheme and a host, no path.
void check_origin(const std::string& origin, const std::string& source);

// Made absolute from the folder that the process runs in.
std::filesystem::path absolute_path(const std::string& text, const std::string& source);

}  // namespace hub::hub
