#include "core/registry/model_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/registry_fixture.h"

namespace hub::registry {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class ModelCatalogTest : public test::RegistryFixture {
 protected:
  Model add(const std::string& name, const NewVersion& version, const std::string& tags = "{}") {
    return models.add_model(
        {.name = name,
         .base_model = "org/" + name,
         .description = "about " + name,
         .tags_json = tags},
        version);
  }
  static NewVersion described(const std::string& digest_of, const std::string& architecture) {
    NewVersion version = ready(digest_of);
    version.config_json = R"({"architecture":")" + architecture + R"("})";
    return version;
  }
  std::vector<std::string> names(const ModelQuery& query) {
    std::vector<std::string> found;
    for (const ModelEntry& entry : catalog.models(query).entries) {
      found.push_back(entry.model.name);
    }
    return found;
  }

  ModelCatalog catalog{storage.pool};
};

TEST_F(ModelCatalogTest, FiltersByWhatTheBareNameMeans) {
  add("llama", described("1", "llama"));
  add("mistral", described("2", "mistral"));
  add("later", NewVersion{});
  EXPECT_THAT(names({.state = VersionState::kReady}), ElementsAre("llama", "mistral"));
  EXPECT_THAT(names({.state = VersionState::kPending}), ElementsAre("later"));
  EXPECT_THAT(names({.architecture = "mistral"}), ElementsAre("mistral"));
  EXPECT_THAT(names({.kind = VersionKind::kBase, .architecture = "llama"}), ElementsAre("llama"));
  EXPECT_THAT(names({.kind = VersionKind::kAdapter}), IsEmpty());

  // The alias decides, then readiness, then the number.
  const Model model = models.get_model("llama");
  models.add_version(model.id, described("3", "mistral"));
  EXPECT_THAT(names({.architecture = "mistral"}), ElementsAre("llama", "mistral"));
  aliases.set(model.id, "production", 1);
  EXPECT_THAT(names({.architecture = "mistral"}), ElementsAre("mistral"));
  aliases.remove(model.id, "production");
  models.set_state(catalog.model("llama").current->id, VersionState::kCorrupt, "bits fell over");
  EXPECT_THAT(names({.architecture = "llama"}), ElementsAre("llama"));
  EXPECT_EQ(catalog.model("llama").current->number, 1);
}

TEST_F(ModelCatalogTest, FiltersByTagsAsTheyChange) {
  add("a", ready("1"), R"({"task":"chat","draft":""})");
  add("b", ready("2"), R"({"task":"code"})");
  EXPECT_THAT(names({.tags = {{"task", "chat"}}}), ElementsAre("a"));
  EXPECT_THAT(names({.tags = {{"task", std::nullopt}}}), ElementsAre("a", "b"));
  EXPECT_THAT(names({.tags = {{"task", "chat"}, {"draft", std::nullopt}}}), ElementsAre("a"));
  EXPECT_THAT(names({.tags = {{"task", "code"}, {"draft", std::nullopt}}}), IsEmpty());
  models.update_model("b", std::nullopt, R"({"task":"chat"})");
  EXPECT_THAT(names({.tags = {{"task", "chat"}}}), ElementsAre("a", "b"));
  models.remove_model("a");
  EXPECT_THAT(names({.tags = {{"draft", std::nullopt}}}), IsEmpty());
}

TEST_F(ModelCatalogTest, SearchesNameDescriptionAndTagsLiterally) {
  add("Llama-3", ready("1"));
  add("tiny", ready("2"), R"({"owner":"Ada \"the\" 100%"})");
  EXPECT_THAT(names({.text = "LLAMA"}), ElementsAre("Llama-3"));
  EXPECT_THAT(names({.text = "about t"}), ElementsAre("tiny"));
  EXPECT_THAT(names({.text = "owner"}), ElementsAre("tiny"));
  EXPECT_THAT(names({.text = R"("the" 100%)"}), ElementsAre("tiny"));
  EXPECT_THAT(names({.text = "%"}), ElementsAre("tiny")) << "no wildcard";
  EXPECT_THAT(names({.text = "_"}), IsEmpty());
  EXPECT_THAT(names({.text = R"(":")"}), IsEmpty()) << "not the JSON around the tags";
  EXPECT_THAT(names({.name_contains = "A-3"}), ElementsAre("Llama-3"));
}

TEST_F(ModelCatalogTest, FindsModelsByTheirBase) {
  const Model base = add("base", ready("1"));
  add("adapter", adapter_of(catalog.model("base").current.value(), "2"));
  add("other", ready("3"));
  EXPECT_THAT(names({.base = "base"}), ElementsAre("adapter"));
  EXPECT_THAT(names({.base = base.id}), ElementsAre("adapter"));
  EXPECT_THAT(names({.base = "org/other"}), ElementsAre("other"));
}

TEST_F(ModelCatalogTest, PagesInEveryOrderMissNothingAndRepeatNothing) {
  for (const char* name : {"d", "a", "c", "b", "e"}) {
    add(name, ready(name));
    storage.clock.advance_ms(1000);
  }
  models.update_model("a", "changed", std::nullopt);
  const auto walk = [&](ModelOrder order, bool descending) {
    std::vector<std::string> all;
    ModelQuery query{.order = order, .descending = descending, .limit = 2};
    while (true) {
      const auto page = catalog.models(query);
      for (const ModelEntry& entry : page.entries) {
        all.push_back(entry.model.name);
      }
      if (!page.next) {
        return all;
      }
      query.after = *page.next;
    }
  };
  EXPECT_THAT(walk(ModelOrder::kCreated, false), ElementsAre("d", "a", "c", "b", "e"));
  EXPECT_THAT(walk(ModelOrder::kCreated, true), ElementsAre("e", "b", "c", "a", "d"));
  EXPECT_THAT(walk(ModelOrder::kName, false), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_THAT(walk(ModelOrder::kName, true), ElementsAre("e", "d", "c", "b", "a"));
  EXPECT_THAT(walk(ModelOrder::kUpdated, false), ElementsAre("d", "c", "b", "e", "a"));
  EXPECT_THAT(walk(ModelOrder::kUpdated, true), ElementsAre("a", "e", "b", "c", "d"));
  const auto thrown = test::thrown_by([&] { catalog.models({.after = "x"}); });
  EXPECT_EQ(thrown.param, "cursor");
  EXPECT_EQ(
      test::thrown_by([&] {
        catalog.models({.order = ModelOrder::kUpdated, .after = "12:x"});
      }).param,
      "cursor");
}

TEST_F(ModelCatalogTest, EntriesCarryWhatBelongsToThem) {
  const Model model = add("a", ready("1"));
  add("b", ready("2"));
  models.add_version(model.id, ready("3"));
  aliases.set(model.id, "production", 1);
  aliases.set(model.id, "canary", 2);
  const auto page = catalog.models({});
  ASSERT_THAT(page.entries, SizeIs(2));
  const ModelEntry& entry = page.entries[0];
  EXPECT_EQ(entry.current->number, 1);
  ASSERT_THAT(entry.versions, SizeIs(2));
  EXPECT_EQ(entry.versions[0].number, 2);
  ASSERT_THAT(entry.aliases, SizeIs(2));
  EXPECT_EQ(entry.aliases[0].alias, "canary");
  EXPECT_THAT(page.entries[1].versions, SizeIs(1));
  EXPECT_THAT(page.entries[1].aliases, IsEmpty());
  EXPECT_EQ(test::thrown_by([&] { catalog.model("none"); }).reason, "model_not_found");
}

TEST_F(ModelCatalogTest, VersionsCarryTheNamesOfWhatTheyReferTo) {
  add("base", ready("1"));
  const Version base = catalog.model("base").current.value();
  NewVersion trained = adapter_of(base, "2");
  trained.parent_version_id = base.id;
  trained.dataset_digest = std::string(64, 'd');
  const Model model = add("adapter", trained);
  aliases.set(model.id, "production", 1);
  const auto page = catalog.versions({.kind = VersionKind::kAdapter});
  ASSERT_THAT(page.entries, SizeIs(1));
  EXPECT_EQ(page.entries[0].base->model, "base");
  EXPECT_EQ(page.entries[0].parent->number, 1);
  EXPECT_THAT(page.entries[0].aliases, ElementsAre("production"));
  EXPECT_THAT(catalog.versions({.state = VersionState::kPending}).entries, IsEmpty());
  EXPECT_THAT(catalog.versions({.digest = base.digest}).entries, SizeIs(1));
  EXPECT_THAT(catalog.versions({.dataset_digest = std::string(64, 'd')}).entries, SizeIs(1));
  EXPECT_THAT(catalog.versions({.model_id = model.id}).entries, SizeIs(1));
  EXPECT_EQ(catalog.version(base.id).version.files.size(), 1U);
}

TEST_F(ModelCatalogTest, AVersionIsRemovedOnlyWhenNothingNeedsIt) {
  const Model model = add("base", ready("1"));
  const Version base = catalog.model("base").current.value();
  const Version second = models.add_version(model.id, ready("2"));
  const Model adapter = add("adapter", adapter_of(base, "3"));
  const auto refused = [&](const std::string& id) {
    return test::thrown_by([&] { models.remove_version(id); });
  };
  EXPECT_EQ(refused(base.id).reason, "version_in_use");
  EXPECT_THAT(refused(base.id).message, testing::HasSubstr("version 1 of 'adapter'"));
  aliases.set(model.id, "production", 2);
  EXPECT_THAT(refused(second.id).message, testing::HasSubstr("alias 'production'"));
  aliases.remove(model.id, "production");
  EXPECT_EQ(models.remove_version(second.id).files.size(), 1U);
  EXPECT_EQ(refused(second.id).reason, "version_not_found");
  EXPECT_EQ(catalog.model("base").current->number, 1);
  EXPECT_EQ(models.add_version(model.id, ready("4")).number, 3) << "numbers are not used again";
  models.remove_model(adapter.id);
  models.remove_version(base.id);
}

}  // namespace
}  // namespace hub::registry
