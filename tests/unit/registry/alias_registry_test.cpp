#include "core/registry/alias_registry.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/registry_fixture.h"

namespace hub::registry {
namespace {

using base::ErrorCode;
using test::thrown_by;

class AliasRegistryTest : public test::RegistryFixture {
 protected:
  AliasRegistryTest() {
    model = add_model("a", ready("1", R"({"eval_loss":1.5,"accuracy":0.7})"));
    models.add_version(model.id, ready("2", R"({"eval_loss":1.25,"accuracy":0.6})"));
    models.add_version(model.id, ready("3"));
    models.add_version(model.id, NewVersion{});
  }
  Model model;
};

TEST_F(AliasRegistryTest, MovesAndRemoves) {
  EXPECT_EQ(aliases.set(model.id, "production", 1).number, 1);
  EXPECT_EQ(aliases.set("a", "production", 2).number, 2);
  EXPECT_EQ(aliases.find(model.id, "production")->number, 2);
  ASSERT_EQ(aliases.list(model.id).size(), 1U);
  aliases.remove("a", "production");
  EXPECT_FALSE(aliases.find(model.id, "production"));
  EXPECT_EQ(thrown_by([&] { aliases.remove("a", "production"); }).reason, "alias_not_found");
}

TEST_F(AliasRegistryTest, NamesWithAMeaningOfTheirOwnAreRefused) {
  for (const char* alias : {"latest", "v1", "v007"}) {
    const auto thrown = thrown_by([&] { aliases.set("a", alias, 1); });
    EXPECT_EQ(thrown.code, ErrorCode::kInvalidArgument) << alias;
    EXPECT_EQ(thrown.reason, "alias_reserved") << alias;
  }
  for (const char* alias : {"", "a b", "x/y", "a@b"}) {
    EXPECT_EQ(thrown_by([&] { aliases.set("a", alias, 1); }).code, ErrorCode::kInvalidArgument)
        << alias;
  }
  EXPECT_NO_THROW(aliases.set("a", "v", 1));
  EXPECT_NO_THROW(aliases.set("a", "v1b", 1));
}

TEST_F(AliasRegistryTest, NeedsAReadyVersionOfThatModel) {
  EXPECT_EQ(thrown_by([&] { aliases.set("a", "x", 9); }).reason, "version_not_found");
  EXPECT_EQ(thrown_by([&] { aliases.set("b", "x", 1); }).reason, "model_not_found");
  EXPECT_EQ(thrown_by([&] { aliases.set("a", "x", 4); }).reason, "version_state");
}

TEST_F(AliasRegistryTest, AGateLetsTheBetterPassAndShowsBothFigures) {
  const AliasGate loss{"eval_loss", "production"};
  EXPECT_NO_THROW(aliases.set("a", "production", 1, loss)) << "nothing to be worse than yet";
  EXPECT_NO_THROW(aliases.set("a", "production", 1, loss)) << "not worse than itself";
  EXPECT_NO_THROW(aliases.set("a", "production", 2, loss));
  const auto thrown = thrown_by([&] { aliases.set("a", "production", 1, loss); });
  EXPECT_EQ(thrown.code, ErrorCode::kConflict);
  EXPECT_EQ(thrown.reason, "gate_failed");
  EXPECT_NE(thrown.message.find("1.5"), std::string::npos) << thrown.message;
  EXPECT_NE(thrown.message.find("1.25"), std::string::npos) << thrown.message;
  EXPECT_EQ(aliases.find(model.id, "production")->number, 2);
}

TEST_F(AliasRegistryTest, ACheckSaysWhatAMoveWouldAndMovesNothing) {
  aliases.set("a", "production", 2);
  const AliasGate loss{"eval_loss", "production"};
  EXPECT_EQ(thrown_by([&] { aliases.check("a", "production", 1, loss); }).reason, "gate_failed");
  EXPECT_EQ(thrown_by([&] { aliases.check("a", "production", 9); }).reason, "version_not_found");
  EXPECT_EQ(thrown_by([&] { aliases.check("a", "latest", 1); }).reason, "alias_reserved");
  EXPECT_NO_THROW(aliases.check("a", "production", 1));
  EXPECT_EQ(aliases.find(model.id, "production")->number, 2);
}

TEST_F(AliasRegistryTest, AGateKnowsWhichWayIsBetter) {
  aliases.set("a", "production", 1);
  const AliasGate accuracy{"accuracy", "production"};
  EXPECT_EQ(thrown_by([&] { aliases.set("a", "production", 2, accuracy); }).reason, "gate_failed");
}

TEST_F(AliasRegistryTest, AGateWithoutFiguresIsNotDecided) {
  aliases.set("a", "production", 1);
  const AliasGate loss{"eval_loss", "production"};
  const auto thrown = thrown_by([&] { aliases.set("a", "production", 3, loss); });
  EXPECT_EQ(thrown.reason, "gate_undecided");
  EXPECT_NE(thrown.message.find("version 3"), std::string::npos);
}

TEST_F(AliasRegistryTest, MovingIsAtomicForReaders) {
  aliases.set("a", "production", 1);
  std::atomic<bool> done{false};
  std::thread mover([&] {
    for (int i = 0; i < 50; ++i) {
      aliases.set("a", "production", 1 + i % 2);
    }
    done = true;
  });
  while (!done) {
    const auto alias = aliases.find(model.id, "production");
    ASSERT_TRUE(alias);
    EXPECT_TRUE(alias->number == 1 || alias->number == 2);
  }
  mover.join();
}

}  // namespace
}  // namespace hub::registry
