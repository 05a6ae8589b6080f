#include "core/db/pool.h"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <gtest/gtest.h>

#include "core/db/statement.h"
#include "tests/support/storage.h"

namespace hub::db {
namespace {

std::int64_t count_settings(Pool& pool) {
  std::int64_t count = 0;
  pool.read([&](Connection& connection) {
    Statement row(connection, "SELECT COUNT(*) FROM settings");
    row.step();
    count = row.integer(0);
  });
  return count;
}

void put_setting(Connection& connection, const std::string& key) {
  Statement(
      connection, "INSERT INTO settings (key, value_json, updated_at) VALUES (?1, '1', 0)", key)
      .run();
}

TEST(Pool, ConnectionsHaveTheDurabilityAndIntegritySettings) {
  test::Storage storage;
  storage.pool.read([](Connection& connection) {
    EXPECT_EQ(connection.execAndGet("PRAGMA journal_mode").getString(), "wal");
    EXPECT_EQ(connection.execAndGet("PRAGMA synchronous").getInt(), 2);
    EXPECT_EQ(connection.execAndGet("PRAGMA foreign_keys").getInt(), 1);
    EXPECT_EQ(connection.execAndGet("PRAGMA busy_timeout").getInt(), 10'000);
  });
}

TEST(Pool, AThrowingWriteLeavesNothing) {
  test::Storage storage;
  EXPECT_THROW(
      storage.pool.write([](Connection& connection) {
        put_setting(connection, "a");
        throw std::runtime_error("no");
      }),
      std::runtime_error);
  EXPECT_EQ(count_settings(storage.pool), 0);
  storage.pool.write([](Connection& connection) { put_setting(connection, "a"); });
  EXPECT_EQ(count_settings(storage.pool), 1);
}

TEST(Pool, ANestedWriteJoinsTheOuterTransaction) {
  test::Storage storage;
  EXPECT_THROW(
      storage.pool.write([&](Connection&) {
        storage.pool.write([](Connection& connection) { put_setting(connection, "inner"); });
        EXPECT_EQ(count_settings(storage.pool), 1) << "a read inside sees the transaction's rows";
        throw std::runtime_error("no");
      }),
      std::runtime_error);
  EXPECT_EQ(count_settings(storage.pool), 0);
}

TEST(Pool, AReaderDoesNotSeeWhatIsNotCommitted) {
  test::Storage storage;
  storage.pool.write([&](Connection& connection) {
    put_setting(connection, "a");
    std::thread reader([&] { EXPECT_EQ(count_settings(storage.pool), 0); });
    reader.join();
  });
  EXPECT_EQ(count_settings(storage.pool), 1);
}

TEST(Pool, ManyWritersAndMoreReadersThanConnections) {
  test::Storage storage;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        storage.pool.write([&](Connection& connection) {
          put_setting(connection, std::to_string(t) + "-" + std::to_string(i));
        });
        static_cast<void>(count_settings(storage.pool));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(count_settings(storage.pool), 160);
}

TEST(Pool, ListenersHearOnlyCommitsThatChangedSomething) {
  test::Storage storage;
  int heard = 0;
  storage.pool.on_commit(&heard, [&] { ++heard; });
  storage.pool.write([](Connection& connection) {
    Statement(connection, "DELETE FROM settings WHERE key = 'absent'").run();
  });
  EXPECT_EQ(heard, 0);
  storage.pool.write([](Connection& connection) { put_setting(connection, "a"); });
  EXPECT_EQ(heard, 1);
  storage.pool.remove_listener(&heard);
  storage.pool.write([](Connection& connection) { put_setting(connection, "b"); });
  EXPECT_EQ(heard, 1);
}

TEST(Pool, ConstraintsAreOursAndPassThrough) {
  test::Storage storage;
  EXPECT_THROW(
      storage.pool.write([](Connection& connection) {
        Statement(
            connection,
            "INSERT INTO settings (key, value_json, updated_at) VALUES ('a', 'no json', 0)")
            .run();
      }),
      SQLite::Exception);
}

TEST(Database, ADamagedFileIsUnavailableInWords) {
  const test::TempDir folder;
  const auto file = folder.write("hub.db", std::string(4096, 'x'));
  const auto thrown = test::thrown_by([&] { open_database(file); });
  EXPECT_EQ(thrown.code, base::ErrorCode::kUnavailable);
  EXPECT_NE(thrown.message.find("hub.db"), std::string::npos) << thrown.message;
}

TEST(Database, AFullDatabaseIsUnavailableInWords) {
  test::Storage storage;
  const auto thrown = test::thrown_by([&] {
    storage.pool.write([](Connection& connection) {
      connection.exec("PRAGMA max_page_count = 1");  // SQLite takes its present size as the least
      for (int i = 0; i < 10'000; ++i) {
        put_setting(connection, std::to_string(i) + std::string(1000, 'x'));
      }
    });
  });
  EXPECT_EQ(thrown.code, base::ErrorCode::kUnavailable);
  EXPECT_NE(thrown.message.find("disk is full"), std::string::npos) << thrown.message;
  EXPECT_EQ(count_settings(storage.pool), 0);
}

}  // namespace
}  // namespace hub::db
