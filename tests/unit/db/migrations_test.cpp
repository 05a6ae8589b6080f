#include "core/db/migrations.h"

#include <array>
#include <filesystem>
#include <string>

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>

#include "core/db/copy.h"
#include "core/db/database.h"
#include "core/db/statement.h"
#include "tests/support/storage.h"

namespace hub::db {
namespace {

constexpr Migration kFirst{1, "init", "CREATE TABLE a (x INTEGER) STRICT;"};
constexpr Migration kSecond{2, "more", "CREATE TABLE b (y TEXT) STRICT; INSERT INTO a VALUES (7);"};

TEST(Migrations, TheBuiltInStepsAreNumberedWithoutAGap) {
  int expected = 1;
  for (const Migration& step : builtin_migrations()) {
    EXPECT_EQ(step.number, expected++);
    EXPECT_FALSE(step.name.empty());
  }
  EXPECT_GT(expected, 1);
}

TEST(Migrations, ANewFileGetsEveryStepOnceAndNoBackup) {
  const test::TempDir folder;
  const auto file = folder.path() / "hub.db";
  const MigrationReport first = migrate(file, 1000);
  EXPECT_EQ(first.from, 0);
  EXPECT_EQ(first.to, static_cast<int>(builtin_migrations().size()));
  EXPECT_TRUE(first.backup.empty());
  const MigrationReport again = migrate(file, 2000);
  EXPECT_EQ(again.from, again.to);
  const auto connection = open_database(file);
  Statement row(
      *connection, "SELECT number, name, length(checksum), applied_at FROM schema_migrations");
  ASSERT_TRUE(row.step());
  EXPECT_EQ(row.integer(0), 1);
  EXPECT_EQ(row.text(1), "init");
  EXPECT_EQ(row.integer(2), 64);
  EXPECT_EQ(row.integer(3), 1000);
}

TEST(Migrations, AnOlderFileIsSavedBeforeItChanges) {
  const test::TempDir folder;
  const auto file = folder.path() / "hub.db";
  migrate(file, 1000, std::array{kFirst});
  const MigrationReport report = migrate(file, 2000, std::array{kFirst, kSecond});
  EXPECT_EQ(report.from, 1);
  EXPECT_EQ(report.to, 2);
  ASSERT_EQ(report.backup, folder.path() / "hub.db.backup-1-2000");
  const auto backup = open_database(report.backup);
  EXPECT_TRUE(backup->tableExists("a"));
  EXPECT_FALSE(backup->tableExists("b"));
  EXPECT_TRUE(open_database(file)->tableExists("b"));
}

// A database as the first release left it, with rows in it.
TEST(Migrations, ADatabaseOfTheFirstReleaseKeepsItsRowsAndGetsWhatIsNew) {
  const test::TempDir folder;
  const auto file = folder.path() / "hub.db";
  migrate(file, 1000, builtin_migrations().first(1));
  const std::string model = "01900000-0000-7000-8000-000000000001";
  const std::string version = "01900000-0000-7000-8000-000000000002";
  {
    const auto old = open_database(file);
    old->exec(
        "INSERT INTO models (id, name, base_model, tags_json, created_at, updated_at) VALUES ('" +
        model + R"(', 'tiny', 'org/tiny', '{"task":"chat"}', 5, 5))");
    old->exec(
        "INSERT INTO versions (id, model_id, number, kind, state, digest, folder, config_json, "
        "created_at) VALUES ('" +
        version + "', '" + model + "', 1, 'base', 'ready', '" + std::string(64, 'd') +
        R"(', 'artifacts/x/v1', '{"architecture":"llama"}', 6))");
    old->exec(
        "INSERT INTO version_files VALUES ('" + version + "', 'config.json', 2, '" +
        std::string(64, 'f') + "')");
    old->exec("INSERT INTO aliases VALUES ('" + model + "', 'production', '" + version + "', 7)");
  }
  const MigrationReport report = migrate(file, 2000);
  EXPECT_EQ(report.from, 1);
  EXPECT_TRUE(std::filesystem::exists(report.backup));
  check_database(file);
  const auto connection = open_database(file);
  Statement row(
      *connection,
      "SELECT m.name, m.current_version_id, m.state, m.architecture, t.value, f.inode FROM models "
      "AS m JOIN model_tags AS t ON t.model_id = m.id AND t.key = 'task' JOIN version_files AS f");
  ASSERT_TRUE(row.step());
  EXPECT_EQ(row.text(0), "tiny");
  EXPECT_EQ(row.text(1), version);
  EXPECT_EQ(row.text(2), "ready");
  EXPECT_EQ(row.text(3), "llama");
  EXPECT_EQ(row.text(4), "chat");
  EXPECT_TRUE(row.is_null(5)) << "a file that nobody looked at yet";
}

// The process dies between two steps: the next start goes on with the step that is missing.
TEST(Migrations, AnInterruptedMigrationGoesOn) {
  const test::TempDir folder;
  const auto file = folder.path() / "hub.db";
  const Migration third{3, "last", "CREATE TABLE c (z TEXT) STRICT;"};
  const Migration fails{3, "last", "CREATE TABLE c (z TEXT) STRICT; SELECT no_such_function();"};
  migrate(file, 1000, std::array{kFirst});
  EXPECT_ANY_THROW(migrate(file, 2000, std::array{kFirst, kSecond, fails}));
  const MigrationReport report = migrate(file, 3000, std::array{kFirst, kSecond, third});
  EXPECT_EQ(report.from, 2) << "the second step was done and stays done";
  EXPECT_EQ(report.to, 3);
  EXPECT_TRUE(open_database(file)->tableExists("c"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "hub.db.backup-1-2000"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "hub.db.backup-2-3000"));
}

TEST(Migrations, ANewerFileIsRefusedUntouched) {
  const test::TempDir folder;
  const auto file = folder.path() / "hub.db";
  migrate(file, 1000, std::array{kFirst, kSecond});
  const auto thrown = test::thrown_by([&] { migrate(file, 2000, std::array{kFirst}); });
  EXPECT_EQ(thrown.code, base::ErrorCode::kConflict);
  EXPECT_EQ(thrown.reason, "database_newer");
  EXPECT_NE(thrown.message.find("newer MLX Model Hub"), std::string::npos);
  EXPECT_TRUE(open_database(file)->tableExists("b"));
}

TEST(Migrations, AChangedStepIsRefused) {
  const test::TempDir folder;
  const auto file = folder.path() / "hub.db";
  migrate(file, 1000, std::array{kFirst});
  Migration changed = kFirst;
  changed.sql = "CREATE TABLE a (x TEXT) STRICT;";
  const auto thrown = test::thrown_by([&] { migrate(file, 2000, std::array{changed, kSecond}); });
  EXPECT_EQ(thrown.reason, "database_changed");
  EXPECT_FALSE(open_database(file)->tableExists("b"));
}

TEST(Migrations, AFailingStepLeavesTheStepsBeforeIt) {
  const test::TempDir folder;
  const auto file = folder.path() / "hub.db";
  const Migration broken{
      2, "broken", "CREATE TABLE b (y TEXT) STRICT; CREATE TABLE a (x INTEGER);"};
  EXPECT_ANY_THROW(migrate(file, 1000, std::array{kFirst, broken}));
  const auto connection = open_database(file);
  EXPECT_TRUE(connection->tableExists("a"));
  EXPECT_FALSE(connection->tableExists("b")) << "half a step must not stay";
  EXPECT_EQ(migrate(file, 2000, std::array{kFirst, kSecond}).to, 2);
}

}  // namespace
}  // namespace hub::db
