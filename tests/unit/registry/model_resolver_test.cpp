#include "core/registry/model_resolver.h"

#include <gtest/gtest.h>

#include "tests/support/registry_fixture.h"

namespace hub::registry {
namespace {

using base::ErrorCode;
using test::thrown_by;

// base: versions 1 and 2 ready, 3 pending. facts: adapters 1 (of base 1) and 2 (of base 2), alias
// best -> 1. other: one base version.
class ModelResolverTest : public test::RegistryFixture {
 protected:
  ModelResolverTest() {
    base_model = add_model("base", ready("b1"));
    base_1 = *models.newest_ready(base_model.id);
    base_2 = models.add_version(base_model.id, ready("b2"));
    models.add_version(base_model.id, NewVersion{});
    facts = add_model("facts", adapter_of(base_1, "f1"));
    facts_1 = *models.newest_ready(facts.id);
    facts_2 = models.add_version(facts.id, adapter_of(base_2, "f2"));
    aliases.set("facts", "best", 1);
    add_model("other", ready("o1"));
    add_model("empty", NewVersion{});
  }
  std::string base_of(const std::string& value) { return resolver.resolve(value).base.id; }
  std::string adapter_id(const std::string& value) {
    const auto resolved = resolver.resolve(value);
    return resolved.adapter ? resolved.adapter->id : "none";
  }

  Model base_model;
  Model facts;
  Version base_1;
  Version base_2;
  Version facts_1;
  Version facts_2;
};

TEST_F(ModelResolverTest, ANameMeansProductionElseTheNewestReady) {
  EXPECT_EQ(base_of("base"), base_2.id);
  EXPECT_EQ(adapter_id("base"), "none");
  aliases.set("base", "production", 1);
  EXPECT_EQ(base_of("base"), base_1.id);
  EXPECT_EQ(base_of("base:latest"), base_2.id);
  EXPECT_EQ(base_of("base@latest"), base_2.id);
  EXPECT_EQ(base_of("base@production"), base_1.id);
}

TEST_F(ModelResolverTest, VersionsByNumber) {
  EXPECT_EQ(base_of("base:1"), base_1.id);
  EXPECT_EQ(base_of("base:v1"), base_1.id);
  EXPECT_EQ(base_of(base_model.id), base_2.id) << "an id is as good as a name";
  EXPECT_FALSE(resolver.resolve("base:1").base.files.empty());
  EXPECT_EQ(resolver.resolve("base:1").asked, "base:1");
}

TEST_F(ModelResolverTest, AnAdaptersNameBringsItsBase) {
  EXPECT_EQ(base_of("facts"), base_2.id);
  EXPECT_EQ(adapter_id("facts"), facts_2.id);
  EXPECT_EQ(base_of("facts:1"), base_1.id);
  EXPECT_EQ(adapter_id("facts@best"), facts_1.id);
}

TEST_F(ModelResolverTest, NamePlusAdapter) {
  EXPECT_EQ(adapter_id("base+facts"), facts_2.id);
  EXPECT_EQ(base_of("base+facts"), base_2.id);
  EXPECT_EQ(adapter_id("base+facts@best"), facts_1.id);
  EXPECT_EQ(base_of("base+facts@best"), base_1.id) << "the version it was trained on";
  EXPECT_EQ(adapter_id("base:1+facts:1"), facts_1.id);
  aliases.set("base", "production", 1);
  EXPECT_EQ(base_of("base+facts"), base_2.id) << "production does not make the adapter unusable";
}

TEST_F(ModelResolverTest, ABaseWithEqualContentsServesTheAdapter) {
  add_model("copy", ready("b2"));
  EXPECT_EQ(adapter_id("copy+facts:2"), facts_2.id);
}

TEST_F(ModelResolverTest, MismatchesAreSaid) {
  for (const char* value : {"other+facts", "base:2+facts:1", "base+other", "base+base"}) {
    const auto thrown = thrown_by([&] { resolver.resolve(value); });
    EXPECT_EQ(thrown.code, ErrorCode::kInvalidArgument) << value;
    EXPECT_EQ(thrown.reason, "adapter_mismatch") << value;
  }
}

TEST_F(ModelResolverTest, UnknownIsNotFound) {
  for (const char* value :
       {"",
        "gone",
        "base:9",
        "base:x",
        "base:",
        "base@",
        "base@gone",
        "base+",
        "+facts",
        "base+gone",
        "base+facts+facts",
        "base@production",
        "org/base",
        "../base",
        "base:99999999999999999999",
        "b\x01"}) {
    const auto thrown = thrown_by([&] { resolver.resolve(value); });
    EXPECT_EQ(thrown.code, ErrorCode::kNotFound) << value;
    EXPECT_EQ(thrown.reason, "model_not_found") << value;
    EXPECT_EQ(thrown.param, "model");
  }
}

TEST_F(ModelResolverTest, WhatIsNotHereIsNotReady) {
  for (const char* value : {"empty", "base:3"}) {
    const auto thrown = thrown_by([&] { resolver.resolve(value); });
    EXPECT_EQ(thrown.code, ErrorCode::kUnprocessable) << value;
    EXPECT_EQ(thrown.reason, "model_not_ready") << value;
  }
  models.set_state(base_2.id, VersionState::kCorrupt, "a file is missing");
  const auto thrown = thrown_by([&] { resolver.resolve("facts:2"); });
  EXPECT_NE(thrown.message.find("a file is missing"), std::string::npos) << thrown.message;
}

TEST_F(ModelResolverTest, ParsesBothHalves) {
  const auto value = parse_model_value("base:3+facts@best");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->model.name, "base");
  EXPECT_EQ(value->model.number, 3);
  EXPECT_EQ(value->adapter->name, "facts");
  EXPECT_EQ(value->adapter->alias, "best");
  EXPECT_EQ(parse_model_value("a:1:2"), std::nullopt);
  EXPECT_EQ(parse_model_value("a@b@c"), std::nullopt);
}

}  // namespace
}  // namespace hub::registry
