#pragma once

#include <filesystem>

#include "core/db/database.h"

namespace hub::db {

// Writes the database as it is now into `target`, a new file that is then synced, by SQLite's
// online copy: others may read and write the source meanwhile. Throws kUnavailable, leaving no
// target.
void copy_database(Connection& source, const std::filesystem::path& target);
void copy_database(const std::filesystem::path& source, const std::filesystem::path& target);

// Reads the whole file. Throws kUnprocessable, reason "database_damaged", with what SQLite's
// integrity_check or foreign_key_check complains of; kUnavailable when it cannot be opened.
void check_database(const std::filesystem::path& file);

}  // namespace hub::db
