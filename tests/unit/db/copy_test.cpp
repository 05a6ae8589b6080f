#include "core/db/copy.h"

#include <filesystem>
#include <fstream>

#include <SQLiteCpp/Database.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/db/statement.h"
#include "tests/support/storage.h"

namespace hub::db {
namespace {

class CopyTest : public ::testing::Test {
 protected:
  CopyTest() {
    const auto connection = open_database(file());
    connection->exec("CREATE TABLE a (x INTEGER PRIMARY KEY, y TEXT) STRICT");
    connection->exec(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
        "INSERT INTO a SELECT i, hex(randomblob(40)) FROM n");
  }
  std::filesystem::path file() const { return folder_.path() / "hub.db"; }
  std::filesystem::path copy() const { return folder_.path() / "copy.db"; }

  test::TempDir folder_;
};

TEST_F(CopyTest, TakesWhatIsCommittedWhileSomebodyWrites) {
  const auto writer = open_database(file());
  writer->exec("BEGIN IMMEDIATE");
  writer->exec("INSERT INTO a VALUES (100000, 'not yet')");
  copy_database(file(), copy());
  writer->exec("COMMIT");
  check_database(copy());
  const auto copied = open_database(copy());
  Statement count(*copied, "SELECT count(*), max(x) FROM a");
  ASSERT_TRUE(count.step());
  EXPECT_EQ(count.integer(0), 5000);
  EXPECT_EQ(count.integer(1), 5000);
}

TEST_F(CopyTest, ACopyThatCannotBeWrittenLeavesNothing) {
  const auto thrown =
      test::thrown_by([&] { copy_database(file(), folder_.path() / "absent" / "copy.db"); });
  EXPECT_EQ(thrown.code, base::ErrorCode::kUnavailable);
}

TEST_F(CopyTest, DamageIsFound) {
  copy_database(file(), copy());
  check_database(copy());
  {
    std::fstream bytes(copy(), std::ios::binary | std::ios::in | std::ios::out);
    bytes.seekp(4096 * 3 + 20);
    bytes << std::string(2000, '\xee');
  }
  const auto thrown = test::thrown_by([&] { check_database(copy()); });
  EXPECT_EQ(thrown.reason, "database_damaged");
  EXPECT_EQ(thrown.code, base::ErrorCode::kUnprocessable);
}

}  // namespace
}  // namespace hub::db
