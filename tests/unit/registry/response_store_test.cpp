#include "core/registry/response_store.h"

#include <gtest/gtest.h>

#include "core/db/statement.h"
#include "tests/support/storage.h"

namespace hub::registry {
namespace {

using base::ErrorCode;
using test::thrown_by;

constexpr double kDay = 86400.0;

class ResponseStoreTest : public ::testing::Test {
 protected:
  // Of 100 bytes.
  static StoredResponse response(const std::string& id, const std::string& owner = "") {
    StoredResponse made{
        .id = "resp_" + id, .owner = owner, .response_json = {}, .items_json = "[]"};
    made.response_json = "\"" + std::string(96, 'x') + "\"";
    return made;
  }
  bool has(const std::string& id, const std::string& owner = "") {
    return thrown_by([&] { static_cast<void>(store.get("resp_" + id, owner)); }).reason !=
           "response_not_found";
  }

  test::Storage storage;
  ResponseStore store{storage.pool, storage.clock, {.most_bytes = 250, .keep_seconds = kDay}};
};

TEST_F(ResponseStoreTest, GivesBackWhatWasStored) {
  EXPECT_TRUE(store.add({"resp_1", "", R"({"id":"resp_1"})", R"([{"type":"message"}])"}));
  const StoredResponse found = store.get("resp_1", "");
  EXPECT_EQ(found.response_json, R"({"id":"resp_1"})");
  EXPECT_EQ(found.items_json, R"([{"type":"message"}])");
  EXPECT_EQ(store.figures().count, 1U);
  store.remove("resp_1", "");
  EXPECT_EQ(store.figures().bytes, 0U);
  EXPECT_EQ(thrown_by([&] { store.remove("resp_1", ""); }).code, ErrorCode::kNotFound);
}

TEST_F(ResponseStoreTest, NoKeyFindsAnothers) {
  store.add(response("1", "key-a"));
  EXPECT_TRUE(has("1", "key-a"));
  EXPECT_FALSE(has("1", "key-b"));
  EXPECT_FALSE(has("1"));
  EXPECT_EQ(thrown_by([&] { store.remove("resp_1", "key-b"); }).reason, "response_not_found");
  EXPECT_TRUE(has("1", "key-a"));
  const auto thrown =
      thrown_by([&] { static_cast<void>(store.get("resp_1", "", "previous_response_id")); });
  EXPECT_EQ(thrown.param, "previous_response_id");
  EXPECT_EQ(thrown.code, ErrorCode::kNotFound);
}

TEST_F(ResponseStoreTest, TheOldestMakeRoom) {
  for (const char* id : {"1", "2", "3"}) {
    EXPECT_TRUE(store.add(response(id)));
    storage.clock.advance_ms(1);
  }
  EXPECT_FALSE(has("1"));
  EXPECT_TRUE(has("2"));
  EXPECT_TRUE(has("3"));
  EXPECT_EQ(store.figures().bytes, 200U);
  StoredResponse large = response("4");
  large.items_json = "\"" + std::string(300, 'x') + "\"";
  EXPECT_FALSE(store.add(large));
  EXPECT_TRUE(has("2")) << "nothing made room for what cannot be stored";
}

TEST_F(ResponseStoreTest, WhoHoldsMostGivesUpItsOwn) {
  store.add(response("quiet", "key-a"));
  for (const char* id : {"1", "2", "3"}) {
    storage.clock.advance_ms(1);
    EXPECT_TRUE(store.add(response(id, "key-b")));
  }
  EXPECT_TRUE(has("quiet", "key-a"));
  EXPECT_FALSE(has("2", "key-b"));
  EXPECT_TRUE(has("3", "key-b"));
  storage.clock.advance_ms(1);
  ResponseStore large(storage.pool, storage.clock, {.most_bytes = 1000, .keep_seconds = kDay});
  for (int i = 0; i < 7; ++i) {
    large.add(response("a" + std::to_string(i), "key-a"));
  }
  storage.clock.advance_ms(1);
  for (int i = 0; i < 5; ++i) {  // up to half of it the oldest of all make room
    large.add(response("b" + std::to_string(i), "key-b"));
  }
  EXPECT_EQ(large.figures().bytes, 1000U);
  EXPECT_FALSE(has("quiet", "key-a"));
  EXPECT_TRUE(has("b4", "key-b"));
}

// A row's bytes lie behind its texts: read from the table, they cost the whole store.
TEST_F(ResponseStoreTest, ItsQueriesReadAnIndexAlone) {
  store.add(response("1"));
  for (const char* query :
       {ResponseStore::kSum,
        ResponseStore::kSumOfOwner,
        ResponseStore::kOldest,
        ResponseStore::kOldestOfOwner}) {
    storage.pool.read([&](db::Connection& connection) {
      db::Statement plan(connection, std::string("EXPLAIN QUERY PLAN ") + query);
      ASSERT_TRUE(plan.step());
      EXPECT_NE(plan.text(3).find("USING COVERING INDEX"), std::string::npos)
          << query << ": " << plan.text(3);
    });
  }
}

TEST_F(ResponseStoreTest, WhatIsTooOldIsGone) {
  store.add(response("1"));
  storage.clock.advance_ms(static_cast<std::int64_t>(kDay * 1000) - 1);
  EXPECT_TRUE(has("1"));
  storage.clock.advance_ms(1);
  EXPECT_FALSE(has("1"));
  EXPECT_EQ(thrown_by([&] { store.remove("resp_1", ""); }).reason, "response_not_found");
  store.add(response("2"));
  EXPECT_EQ(store.figures().count, 1U) << "and its row with the next one";
}

TEST_F(ResponseStoreTest, WithoutRoomNothingIsStored) {
  ResponseStore none(storage.pool, storage.clock, {.most_bytes = 0, .keep_seconds = kDay});
  EXPECT_FALSE(none.add(response("1")));
  EXPECT_EQ(none.figures().count, 0U);
}

}  // namespace
}  // namespace hub::registry
