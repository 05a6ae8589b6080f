#include "core/registry/audit_log.h"

#include <gtest/gtest.h>

#include "tests/support/storage.h"

namespace hub::registry {
namespace {

AuditEntry entry(const std::string& path) {
  return {
      .actor = "loopback",
      .method = "POST",
      .route = "/models",
      .path = path,
      .status = 201,
      .request_id = "r"};
}

TEST(AuditLog, NewestComeFirstInPages) {
  test::Storage storage;
  AuditLog log(storage.pool, storage.clock);
  for (int i = 0; i < 5; ++i) {
    log.add(entry("/" + std::to_string(i)));
    storage.clock.advance_ms(1);
  }
  const auto first = log.list({.limit = 2});
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].path, "/4");
  EXPECT_EQ(first[0].time_ms - first[1].time_ms, 1);
  const auto rest = log.list({.before = first[1].id});
  ASSERT_EQ(rest.size(), 3U);
  EXPECT_EQ(rest[0].path, "/2");
}

TEST(AuditLog, EntriesForLaterAreThereWhenSomebodyLooksOrWrites) {
  test::Storage storage;
  AuditLog log(storage.pool, storage.clock);
  AuditEntry refused = entry("/refused");
  refused.key_id = "01234567-0123-7123-8123-0123456789ab";
  refused.status = 403;
  refused.code = "insufficient_scope";
  log.add_later(refused);
  log.add(entry("/after"));
  const auto all = log.list({});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].path, "/refused");
  EXPECT_EQ(all[1].code, "insufficient_scope");
  log.add_later(entry("/last"));
  log.flush();
  AuditLog other(storage.pool, storage.clock);
  EXPECT_EQ(other.list({.limit = 1}).at(0).path, "/last");
  EXPECT_EQ(log.list({.key_id = refused.key_id}).size(), 1U);
}

TEST(AuditLog, ACallThatBeganIsThereWithItsEndOrWithout) {
  test::Storage storage;
  AuditLog log(storage.pool, storage.clock);
  const auto first = log.begin(entry("/cut off"));
  const auto second = log.begin(entry("/answered"));
  EXPECT_GT(second, first);
  log.finish(second, "made", 409, "model_exists");
  log.finish(second, "again", 200, "");  // an end is final
  const auto all = AuditLog(storage.pool, storage.clock).list({});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].subject, "made");
  EXPECT_EQ(all[0].status, 409);
  EXPECT_EQ(all[0].code, "model_exists");
  EXPECT_EQ(all[1].path, "/cut off");
  EXPECT_EQ(all[1].status, AuditLog::kBegun);
}

TEST(AuditLog, AFloodOfRefusalsIsBounded) {
  test::Storage storage;
  AuditLog log(storage.pool, storage.clock);
  for (int i = 0; i < 3000; ++i) {
    log.add_later(entry("/" + std::string(10'000, 'x')));
  }
  const auto all = log.list({.limit = 5000});
  EXPECT_EQ(all.size(), 1000U);
  EXPECT_EQ(all[0].path.size(), 300U);
}

TEST(AuditLog, OldEntriesAreRemovedByAge) {
  test::Storage storage;
  AuditLog log(storage.pool, storage.clock);
  log.add(entry("/old"));
  storage.clock.advance_ms(1000);
  log.add(entry("/new"));
  EXPECT_EQ(log.prune(storage.clock.now_ms()), 1);
  ASSERT_EQ(log.list({}).size(), 1U);
  EXPECT_EQ(log.list({})[0].path, "/new");
}

}  // namespace
}  // namespace hub::registry
