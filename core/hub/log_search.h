#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/hub/log_source.h"

namespace hub::hub {

// How far back a search has come: it has looked at every record that is later than `time_ms`, and
// at `seen` of that time.
struct LogPosition {
  std::int64_t time_ms = 0;
  std::uint64_t seen = 0;

  [[nodiscard]] std::string text() const;  // "1764412345678-2"
  // nullopt for what text() did not make.
  static std::optional<LogPosition> from(std::string_view text);
};

struct LogPage {
  std::vector<base::Json> records;  // newest first
  std::optional<LogPosition> next;  // where to go on; nullopt: there is nothing earlier
  bool stopped_early = false;       // most_bytes were read before the page was full
};

inline constexpr std::uint64_t kMostSearchedBytes = 64U << 20U;

// The newest records that fit, at most `limit`, across all files, by their times. Reads the files
// backwards and never more than about `most_bytes`, nor lines beyond 64 KiB as a whole. Files that
// another thread or process rotates meanwhile may lose it a few lines.
LogPage search_logs(
    const std::vector<LogSource>& sources,
    const LogFilter& filter,
    std::size_t limit,
    std::optional<LogPosition> before = std::nullopt,
    std::uint64_t most_bytes = kMostSearchedBytes);

}  // namespace hub::hub
