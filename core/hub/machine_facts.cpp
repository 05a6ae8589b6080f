#include "core/hub/machine_facts.h"

#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

#include <nlohmann/json.hpp>
#include <sys/utsname.h>
#ifdef __APPLE__
#include <array>

#include <sys/sysctl.h>
#endif

#include "core/base/shell.h"
#include "core/hub/process_info.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using base::Json;

Json known(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

#ifdef __APPLE__

std::string system_text(const char* name) {
  std::array<char, 256> text{};
  std::size_t size = text.size() - 1;
  return ::sysctlbyname(name, text.data(), &size, nullptr, 0) == 0 ? text.data() : "";
}

std::string processor() {
  return system_text("machdep.cpu.brand_string");
}

std::string system_name() {
  return "macOS " + system_text("kern.osproductversion");
}

std::string system_build(const utsname& /*names*/) {
  return system_text("kern.osversion");
}

#else

// What follows `key` and `separator` in the first line that begins with that key.
std::string line_of(const char* file, std::string_view key, char separator) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t mark = line.find(separator);
    if (mark == std::string::npos || !line.starts_with(key)) {
      continue;
    }
    const std::size_t begin = line.find_first_not_of(" \t\"", mark + 1);
    const std::size_t end = line.find_last_not_of(" \t\"");
    return begin == std::string::npos ? "" : line.substr(begin, end - begin + 1);
  }
  return "";
}

std::string processor() {
  return line_of("/proc/cpuinfo", "model name", ':');
}

std::string system_name() {
  return line_of("/etc/os-release", "PRETTY_NAME", '=');
}

std::string system_build(const utsname& names) {
  return names.version;
}

#endif

bool has_repository_above(const fs::path& file) {
  std::error_code ignored;
  for (fs::path folder = file.parent_path();; folder = folder.parent_path()) {
    if (fs::exists(folder / ".git", ignored)) {
      return true;
    }
    if (folder == folder.parent_path()) {
      return false;
    }
  }
}

}  // namespace

Json hardware_facts() {
  utsname names{};
  ::uname(&names);
  return {
      {"processor", known(processor())},
      {"architecture", known(names.machine)},
      {"cores", std::thread::hardware_concurrency()},
      {"memory_bytes", machine_memory_bytes()}};
}

Json system_facts() {
  utsname names{};
  ::uname(&names);
  return {
      {"name", known(system_name())},
      {"release", known(names.release)},
      {"build", known(system_build(names))}};
}

std::optional<std::uint64_t> wired_limit_bytes() {
#ifdef __APPLE__
  int megabytes = 0;
  std::size_t size = sizeof(megabytes);
  if (::sysctlbyname("iogpu.wired_limit_mb", &megabytes, &size, nullptr, 0) == 0 && megabytes > 0) {
    return static_cast<std::uint64_t>(megabytes) << 20U;
  }
#endif
  return std::nullopt;
}

std::optional<GitState> git_state(const fs::path& file) {
  if (file.empty() || !has_repository_above(file)) {
    return std::nullopt;
  }
  // Without a monitor that the repository names, which would be a program of somebody's.
  const std::string command = "git --no-optional-locks -c core.fsmonitor=false -C " +
                              base::shell_quoted(file.parent_path().string()) +
                              " status --porcelain=v2 --branch --ignored -- " +
                              base::shell_quoted(file.filename().string()) +
                              " 2>/dev/null </dev/null";
  const std::string output = base::shell_output(command);
  GitState state;
  std::istringstream lines(output);
  constexpr std::string_view commit = "# branch.oid ";
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(commit)) {
      state.commit = line.substr(commit.size());
    } else if (!line.starts_with('#')) {
      state.dirty = true;
    }
  }
  if (state.commit.empty() || state.commit == "(initial)") {
    return std::nullopt;
  }
  return state;
}

}  // namespace hub::hub
