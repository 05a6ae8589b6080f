#pragma once

#include <filesystem>
#include <string_view>

namespace hub::base {

// Throws Error kUnavailable: "cannot <operation> <path>: <the system's words for error_number>", an
// errno; a full disk has the reason "disk_full".
[[noreturn]] void throw_system_error(
    std::string_view operation, const std::filesystem::path& path, int error_number);

}  // namespace hub::base
