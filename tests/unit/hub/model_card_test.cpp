#include "core/hub/model_card.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/json.h"

namespace hub::hub {
namespace {

using testing::HasSubstr;
using testing::Not;

CardFacts adapter() {
  CardFacts facts;
  facts.repository = "me/facts-lora";
  facts.model.name = "facts";
  facts.model.base_model = "tiny";
  facts.version.kind = registry::VersionKind::kAdapter;
  facts.version.digest = std::string(64, 'a');
  facts.version.dataset_digest = std::string(64, 'd');
  facts.version.metrics_json = R"({"eval_loss":1.25,"note":"a|b\nc"})";
  facts.base = registry::Version{};
  facts.base->model_name = "tiny";
  facts.base->digest = std::string(64, 'b');
  facts.base_on_hub = "acme/tiny";
  facts.job = jobs::Job{};
  facts.job->spec_json = R"({"params":{"rank":8,"learning_rate":0.0001,"max_steps":null}})";
  return facts;
}

TEST(ModelCard, TellsWhatAnAdapterIsAndHowToUseIt) {
  const std::string card = model_card(adapter());
  EXPECT_THAT(card, testing::StartsWith("---\nlibrary_name: mlx\n"));
  for (const char* part :
       {"base_model: acme/tiny\nbase_model_relation: adapter\n",
        "# facts-lora",
        "| eval_loss | 1.25 |",
        "| note | a\\|b c |",
        "| rank | 8 |",
        "mlx_lm.generate --model acme/tiny --adapter-path facts-lora",
        "mlx-hub pull acme/tiny --name tiny",
        "mlx-hub pull me/facts-lora --base tiny"}) {
    EXPECT_THAT(card, HasSubstr(part));
  }
  EXPECT_THAT(card, HasSubstr(std::string(64, 'd')));
  EXPECT_THAT(card, Not(HasSubstr("max_steps")));
}

TEST(ModelCard, ATextEncoderIsAskedForEmbeddings) {
  CardFacts facts;
  facts.repository = "me/encoder";
  facts.version.config_json = R"({"architecture":"bert"})";
  const std::string card = model_card(facts);
  EXPECT_THAT(card, HasSubstr("pipeline_tag: sentence-similarity\n"));
  EXPECT_THAT(card, HasSubstr("curl http://localhost:8000/v1/embeddings"));
  EXPECT_THAT(card, HasSubstr(R"({"model": "encoder", "input": "Hello"})"));
  EXPECT_THAT(card, Not(HasSubstr("mlx_lm")));
}

TEST(ModelCard, NamesNoPathOfThisMachine) {
  CardFacts facts;
  facts.repository = "me/tiny";
  facts.model.name = "tiny";
  facts.model.base_model = "/home/somebody/secret/tiny";
  facts.version.digest = std::string(64, 'a');
  for (const std::string& text : {model_card(facts), provenance_note(facts)}) {
    EXPECT_THAT(text, Not(HasSubstr("secret")));
    EXPECT_THAT(text, Not(HasSubstr("base_model")));
  }
}

TEST(ModelCard, TheNoteHasTheDigests) {
  const base::Json note = base::Json::parse(provenance_note(adapter()));
  EXPECT_EQ(note["format"], 1);
  EXPECT_EQ(note["kind"], "adapter");
  EXPECT_EQ(note["digest"], std::string(64, 'a'));
  EXPECT_EQ(note["base_digest"], std::string(64, 'b'));
  EXPECT_EQ(note["metrics"]["eval_loss"], 1.25);
  EXPECT_EQ(note["params"]["rank"], 8);
}

}  // namespace
}  // namespace hub::hub
