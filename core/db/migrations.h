#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace hub::db {

// One step of the schema. Once released its text never changes; a change is a new step.
struct Migration {
  int number;  // 1, 2, … without a gap
  std::string_view name;
  std::string_view sql;
};

// The steps in core/db/schema/, built into the program.
std::span<const Migration> builtin_migrations();

// What migrate() did.
struct MigrationReport {
  int from = 0;  // 0: the file was new
  int to = 0;
  std::filesystem::path backup;  // empty when nothing older was there to save
};

// Throws as migrate() would for a file that is newer or another build's; changes nothing.
void refuse_unknown_schema(
    const std::filesystem::path& file,
    std::span<const Migration> migrations = builtin_migrations());

// Brings the database file to the last of `migrations`, each step in its own transaction and
// recorded in the table schema_migrations (number, name, checksum, applied_at). An older database
// is copied to `<file>.backup-<number>-<now_ms>` before the first step. Throws kConflict, changing
// nothing, when the file is newer than this program ("was written by a newer MLX Model Hub …"), or
// when an applied step's checksum differs from ours.
MigrationReport migrate(
    const std::filesystem::path& file,
    std::int64_t now_ms,
    std::span<const Migration> migrations = builtin_migrations());

}  // namespace hub::db
