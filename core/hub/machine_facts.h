#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/base/json.h"

namespace hub::hub {

// What this machine is, for whoever wants to know later what a job ran on. Null stands for what
// the system does not say. Any thread.

// {"processor","architecture","cores","memory_bytes"}
base::Json hardware_facts();

// {"name","release","build"}: "Debian GNU/Linux 12 (bookworm)", the kernel's release and build; on
// macOS "macOS 15.5", Darwin's release and the system's build ("24F74").
base::Json system_facts();

// How much memory macOS lets the GPU hold, as the user set it (iogpu.wired_limit_mb); nullopt where
// it was left to the system, and on other systems.
std::optional<std::uint64_t> wired_limit_bytes();

struct GitState {
  std::string commit;
  bool dirty = false;  // the file is not as it is in that commit
};
// Of a file in a git work tree. nullopt outside of one, before the first commit, where git is
// missing or does not trust the folder's owner.
std::optional<GitState> git_state(const std::filesystem::path& file);

}  // namespace hub::hub
