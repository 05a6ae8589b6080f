// config.toml, and MLX_HUB_ALLOW_PATH, MLX_HUB_HOST and MLX_HUB_PORT as the second part has them.
#include <optional>
#include <string>

#include "core/hub/config.h"
#include "tests/fuzz/memory_file.h"

namespace hub::fuzz {

void run(std::string_view input) {
  Parts parts(input);
  const MemoryFile file(parts.next());
  const std::string value(parts.next());
  const auto environment = [&](const std::string& name) -> std::optional<std::string> {
    const bool given =
        name == "MLX_HUB_ALLOW_PATH" || name == "MLX_HUB_HOST" || name == "MLX_HUB_PORT";
    return given && !value.empty() ? std::optional(value) : std::nullopt;
  };
  accepts([&] {
    const auto config = hub::load_config(file.path(), environment, {});
    require(config.port >= 0 && config.port <= 65535, "a port is one");
    require(config.memory_fraction > 0 && config.memory_fraction <= 1, "a fraction, too");
    require(!config.hosts.empty(), "it listens somewhere");
    require(config.max_running >= 1, "and serves somebody");
    static_cast<void>(config.beyond_loopback());
  });
}

}  // namespace hub::fuzz
