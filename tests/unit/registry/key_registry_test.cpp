#include "core/registry/key_registry.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/db/statement.h"
#include "tests/support/storage.h"

namespace hub::registry {
namespace {

using base::ErrorCode;
using test::thrown_by;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Verdict = KeyRegistry::Verdict;

class Keys : public ::testing::Test {
 protected:
  std::string all_text() {
    std::string text;
    storage.pool.read([&](db::Connection& connection) {
      for (const char* sql :
           {"SELECT group_concat(id || name || secret_sha256 || hint || scopes_json) FROM api_keys",
            "SELECT group_concat(type || subject_id || data_json) FROM events"}) {
        db::Statement rows(connection, sql);
        while (rows.step()) {
          text += rows.text(0);
        }
      }
    });
    return text;
  }

  test::Storage storage;
  KeyRegistry keys{storage.pool, storage.clock};
};

TEST_F(Keys, TheSecretIsToldOnceAndOnlyItsDigestKept) {
  const auto made = keys.create({.name = "laptop", .scopes = {Scope::kRead, Scope::kInfer}});
  EXPECT_THAT(made.secret, StartsWith("mh-"));
  EXPECT_EQ(made.secret.size(), 3U + 43U);
  EXPECT_EQ(
      made.secret.find_first_not_of(
          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
      std::string::npos);
  EXPECT_NE(keys.create({.name = "other", .scopes = {Scope::kRead}}).secret, made.secret);
  const std::string text = all_text();
  EXPECT_THAT(text, HasSubstr(base::sha256_hex(made.secret)));
  EXPECT_THAT(text, Not(HasSubstr(made.secret)));
  EXPECT_THAT(text, Not(HasSubstr(made.secret.substr(8)))) << "nor the most of it";
  EXPECT_THAT(text, HasSubstr("key.created"));
}

TEST_F(Keys, CheckTellsLiveExpiredRevokedAndUnknownApart) {
  const auto made = keys.create(
      {.name = "a", .scopes = {Scope::kRead}, .expires_at_ms = storage.clock.now_ms() + 1000});
  const auto other = keys.create({.name = "b", .scopes = {Scope::kTrain}});
  EXPECT_EQ(keys.check(made.secret).verdict, Verdict::kLive);
  EXPECT_EQ(keys.check(made.secret).key.id, made.key.id);
  EXPECT_EQ(keys.check(other.secret).key.scopes, std::set{Scope::kTrain});
  for (const std::string& wrong :
       {std::string(), std::string("mh-"), made.secret + "x", made.secret.substr(1)}) {
    EXPECT_EQ(keys.check(wrong).verdict, Verdict::kUnknown) << wrong;
  }
  storage.clock.advance_ms(1000);
  EXPECT_EQ(keys.check(made.secret).verdict, Verdict::kExpired);
  keys.revoke("b", false);
  EXPECT_EQ(keys.check(other.secret).verdict, Verdict::kRevoked);
  // Another registry on the same file knows the same.
  const KeyRegistry again(storage.pool, storage.clock);
  EXPECT_EQ(again.check(made.secret).verdict, Verdict::kExpired);
  EXPECT_EQ(again.check(other.secret).verdict, Verdict::kRevoked);
}

TEST_F(Keys, ScopesHoldOneAnother) {
  const auto held = [](Scope scope) {
    std::string all;
    for (const Scope needed : {Scope::kRead, Scope::kInfer, Scope::kTrain, Scope::kAdmin}) {
      all += covers({scope}, needed) ? '1' : '0';
    }
    return all;
  };
  EXPECT_EQ(held(Scope::kRead), "1000");
  EXPECT_EQ(held(Scope::kInfer), "0100");
  EXPECT_EQ(held(Scope::kTrain), "1010");
  EXPECT_EQ(held(Scope::kAdmin), "1111");
  EXPECT_EQ(scope_from("admin"), Scope::kAdmin);
  EXPECT_EQ(scope_from("root"), std::nullopt);
}

TEST_F(Keys, WrongOnesAreRefused) {
  const auto made = keys.create({.name = "a", .scopes = {Scope::kRead}});
  EXPECT_EQ(
      thrown_by([&] { keys.create({.name = "a", .scopes = {Scope::kRead}}); }).reason,
      "key_exists");
  EXPECT_EQ(thrown_by([&] { keys.create({.name = "b", .scopes = {}}); }).param, "scopes");
  EXPECT_EQ(
      thrown_by([&] { keys.create({.name = "a b", .scopes = {Scope::kRead}}); }).param, "name");
  EXPECT_EQ(
      thrown_by([&] {
        keys.create(
            {.name = "b", .scopes = {Scope::kRead}, .expires_at_ms = storage.clock.now_ms()});
      }).param,
      "expires_in_seconds");
  EXPECT_EQ(thrown_by([&] { keys.revoke("none", false); }).reason, "key_not_found");
  EXPECT_EQ(thrown_by([&] { static_cast<void>(keys.get("none")); }).reason, "key_not_found");
  keys.revoke(made.key.id, false);
  EXPECT_NE(keys.create({.name = "a", .scopes = {Scope::kRead}}).key.id, made.key.id)
      << "the name is free again";
  EXPECT_EQ(keys.list().size(), 2U);
}

TEST_F(Keys, LimitsAreKeptChangedAndToldInAnEvent) {
  const auto made =
      keys.create({.name = "a", .scopes = {Scope::kInfer}, .limits = {.tokens_per_minute = 100}});
  EXPECT_EQ(keys.limits_of(made.key.id).tokens_per_minute, 100);
  EXPECT_EQ(keys.limits_of("nobody"), KeyLimits());
  const ApiKey changed =
      keys.change_limits("a", [](KeyLimits& limits) { limits.requests_per_minute = 5; });
  EXPECT_EQ(changed.limits.tokens_per_minute, 100);
  EXPECT_EQ(keys.check(made.secret).key.limits, changed.limits);
  EXPECT_EQ(KeyRegistry(storage.pool, storage.clock).list()[0].limits, changed.limits);
  EXPECT_THAT(all_text(), HasSubstr("key.updated"));
  const auto zero = thrown_by(
      [&] { keys.change_limits("a", [](KeyLimits& limits) { limits.concurrent_streams = 0; }); });
  EXPECT_EQ(zero.param, "limits.concurrent_streams");
  EXPECT_EQ(keys.limits_of(made.key.id), changed.limits);
  keys.revoke("a", false);
  const auto revoked =
      thrown_by([&] { keys.change_limits(made.key.id, [](KeyLimits& /*limits*/) {}); });
  EXPECT_EQ(revoked.reason, "key_revoked");
}

TEST_F(Keys, TheLastAdminStaysWhereItIsNeeded) {
  EXPECT_FALSE(keys.has_live_admin());
  EXPECT_FALSE(keys.has_keys());
  const auto first = keys.create({.name = "a", .scopes = {Scope::kAdmin}});
  EXPECT_TRUE(keys.has_live_admin());
  EXPECT_EQ(thrown_by([&] { keys.revoke("a", true); }).reason, "last_admin_key");
  keys.create({.name = "b", .scopes = {Scope::kAdmin}});
  keys.revoke("a", true);
  EXPECT_EQ(thrown_by([&] { keys.revoke("b", true); }).reason, "last_admin_key");
  keys.revoke("b", false);
  EXPECT_FALSE(keys.has_live_admin());
}

TEST_F(Keys, UsesAreWrittenAtMostOnceAMinute) {
  const auto made = keys.create({.name = "a", .scopes = {Scope::kRead}});
  const auto stored = [&] {
    const KeyRegistry other(storage.pool, storage.clock);
    return other.get(made.key.id).last_used_at_ms;
  };
  int commits = 0;
  storage.pool.on_commit(this, [&commits] { ++commits; });
  const std::int64_t first = storage.clock.now_ms();
  keys.note_use(made.key.id);
  EXPECT_EQ(stored(), std::nullopt) << "noting does not write";
  keys.flush_uses();
  EXPECT_EQ(stored(), first);
  for (int i = 0; i < 59; ++i) {
    storage.clock.advance_ms(1000);
    keys.note_use(made.key.id);
    keys.flush_uses();
  }
  EXPECT_EQ(commits, 1);
  storage.clock.advance_ms(1000);
  keys.note_use(made.key.id);
  keys.flush_uses();
  EXPECT_EQ(commits, 2);
  EXPECT_EQ(stored(), first + 60'000);
  storage.pool.remove_listener(this);
}

}  // namespace
}  // namespace hub::registry
