#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace hub::api {

// What a coding agent is told so that it talks to the hub.
struct LaunchTarget {
  std::string url;                  // the hub's, without a slash at the end
  std::string model;                // a `model` value
  std::int64_t context_length = 0;  // tokens; 0: not known
  // Whether the hub needs a key: it is then taken from MLX_HUB_API_KEY and written nowhere.
  bool needs_key = false;
};

// An agent's own settings.
struct LaunchSettings {
  // For a shell: what `eval` makes of it points the agent at the hub, or how it is started.
  std::string shell;
  std::filesystem::path file;  // where the agent looks
  // The file's text with the settings in it, given what it holds now ("" without one). What others
  // wrote stays. Throws kInvalidArgument for a file that cannot be read as what it should be.
  std::function<std::string(const std::string& present)> written;
};

// `agent`: "claude", "codex" or "opencode". `environment` gives the agents' own variables for their
// folders (CLAUDE_CONFIG_DIR, CODEX_HOME, XDG_CONFIG_HOME) and HOME. Throws kInvalidArgument for
// another agent, and where no variable says where its file is.
LaunchSettings launch_settings(
    const std::string& agent,
    const LaunchTarget& target,
    const std::function<std::optional<std::string>(const std::string&)>& environment);

}  // namespace hub::api
