#include "core/hub/draft_models.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/support/registry_fixture.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

class DraftModelsTest : public test::RegistryFixture {
 protected:
  std::optional<DraftFolder> find(
      const std::vector<DraftChoice>& choices, const std::string& model_name) {
    ServedModel model;
    model.base_name = model_name;
    return find_draft(choices, model, resolver, artifacts_);
  }

  test::TempDir folder_;
  artifacts::ArtifactStore artifacts_{folder_.path()};
};

TEST_F(DraftModelsTest, TheModelsOwnChoiceComesFirstThenTheLast) {
  add_model("small", ready("small"));
  add_model("tiny", ready("tiny"));
  const std::vector<DraftChoice> choices{
      {"", "tiny"}, {"big", "tiny"}, {"big", "small"}, {"", "small"}, {"other", "tiny"}};
  const auto big = find(choices, "big").value();
  EXPECT_EQ(big.folder, "/models/small");
  EXPECT_FALSE(big.is_for_all);
  EXPECT_EQ(big.version_id, resolver.resolve("small").base.id);
  const auto any = find(choices, "any").value();
  EXPECT_EQ(any.folder, "/models/small");
  EXPECT_TRUE(any.is_for_all);
  EXPECT_EQ(find(choices, "other").value().folder, "/models/tiny");
  EXPECT_FALSE(find({}, "big"));
  EXPECT_FALSE(find({{"big", "small"}}, "any"));
}

TEST_F(DraftModelsTest, APathNeedsNoRegistration) {
  const auto draft = find({{"big", "/somewhere/tiny"}}, "big").value();
  EXPECT_EQ(draft.folder, "/somewhere/tiny");
  EXPECT_EQ(draft.version_id, "");
}

TEST_F(DraftModelsTest, WhatIsNotAWholeModelIsRefused) {
  const registry::Model base = add_model("base", ready("base"));
  add_model("tuned", adapter_of(resolver.resolve("base").base, "tuned"));
  for (const char* value : {"nobody", "tuned", "base+tuned"}) {
    try {
      find({{"", value}}, "big");
      ADD_FAILURE() << value;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
      EXPECT_EQ(error.param(), "draft_model");
      EXPECT_EQ(error.reason(), "draft_model_unusable");
    }
  }
}

}  // namespace
}  // namespace hub::hub
