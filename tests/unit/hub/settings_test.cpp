#include "core/hub/settings.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/db/statement.h"
#include "tests/support/storage.h"

namespace hub::hub {
namespace {

using base::Json;
using test::thrown_by;
using testing::HasSubstr;

TEST(Settings, ChangesAreTypedSurviveARestartAndGoBackByNull) {
  test::Storage storage;
  Settings settings(storage.pool, storage.clock);
  EXPECT_FALSE(settings.boolean(kRequireKeys));
  EXPECT_EQ(settings.text(kDefaultModel), "smollm2-135m-instruct");
  int told = 0;
  settings.on_change([&told] { ++told; });
  settings.change(Json::parse(R"({"require_keys":true,"audit_keep_days":30})"));
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(settings.boolean(kRequireKeys));
  Settings again(storage.pool, storage.clock);
  EXPECT_TRUE(again.boolean(kRequireKeys));
  EXPECT_EQ(again.integer(kAuditKeepDays), 30);
  again.change(Json::parse(R"({"audit_keep_days":null})"));
  EXPECT_EQ(Settings(storage.pool, storage.clock).integer(kAuditKeepDays), 365);
}

TEST(Settings, WrongOnesAreRefusedWithTheirPathAndNothingChanges) {
  test::Storage storage;
  Settings settings(storage.pool, storage.clock);
  const std::vector<std::tuple<std::string, std::string, std::string>> wrong = {
      {R"({"colour":"red"})", "colour", "there is no setting 'colour'"},
      {R"({"require_keys":"yes"})", "require_keys", "must be true or false, got \"yes\""},
      {R"({"audit_keep_days":0})", "audit_keep_days", "a whole number from 1 to 36500, got 0"},
      {R"({"audit_keep_days":1.5})", "audit_keep_days", "got 1.5"},
      {R"({"default_model":""})", "default_model", "a text of 1 to 400 bytes"},
      {R"({"require_keys":true,"default_model":7})", "default_model", "got 7"}};
  for (const auto& [body, param, words] : wrong) {
    const auto thrown = thrown_by([&, text = body] { settings.change(Json::parse(text)); });
    EXPECT_EQ(thrown.code, base::ErrorCode::kInvalidArgument);
    EXPECT_EQ(thrown.param, param);
    EXPECT_THAT(thrown.message, HasSubstr(words));
  }
  EXPECT_EQ(
      thrown_by([&] { settings.change(Json::parse("[1]")); }).code,
      base::ErrorCode::kInvalidArgument);
  EXPECT_FALSE(settings.boolean(kRequireKeys)) << "all or nothing";
}

TEST(Settings, AChecksRefusalChangesNothing) {
  test::Storage storage;
  Settings settings(storage.pool, storage.clock);
  settings.add_check([](const Settings::Values& next) {
    if (std::get<bool>(next.find(kRequireKeys)->second)) {
      throw base::Error(base::ErrorCode::kConflict, "no");
    }
  });
  EXPECT_EQ(
      thrown_by([&] { settings.change(Json::parse(R"({"require_keys":true})")); }).code,
      base::ErrorCode::kConflict);
  EXPECT_FALSE(settings.boolean(kRequireKeys));
  EXPECT_FALSE(Settings(storage.pool, storage.clock).boolean(kRequireKeys));
}

TEST(Settings, AStoredValueThatNoLongerFitsCountsAsAbsent) {
  test::Storage storage;
  storage.pool.write([](db::Connection& connection) {
    db::Statement(
        connection,
        "INSERT INTO settings VALUES ('setting.audit_keep_days', '-5', 0), "
        "('setting.gone', '1', 0), ('queue_paused', 'true', 0)")
        .run();
  });
  EXPECT_EQ(Settings(storage.pool, storage.clock).integer(kAuditKeepDays), 365);
}

TEST(Settings, EverySettingIsDescribed) {
  test::Storage storage;
  const Settings settings(storage.pool, storage.clock);
  const Json list = settings.to_json();
  ASSERT_EQ(list.size(), known_settings().size());
  for (const Json& entry : list) {
    EXPECT_FALSE(entry["description"].get<std::string>().empty());
    EXPECT_EQ(entry["value"], entry["default"]);
    EXPECT_EQ(entry["changed"], false);
    EXPECT_EQ(entry.contains("minimum"), entry["type"] == "integer" || entry["type"] == "number");
  }
  EXPECT_EQ(
      thrown_by([&] { static_cast<void>(settings.text("none")); }).code,
      base::ErrorCode::kInternal);
}

}  // namespace
}  // namespace hub::hub
