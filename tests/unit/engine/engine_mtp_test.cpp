// An engine whose model has a head for further tokens: the same answers, its memory, what it
// refuses.
#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/engine/engine.h"
#include "core/model_config/memory_estimate.h"
#include "core/models/mtp_head.h"
#include "tests/unit/models/mtp_case.h"

namespace hub::engine {
namespace {

class EngineMtpTest : public testing::Test {
 protected:
  EngineMtpTest() { models::MtpCase::rigged(1.0F).write(folder_.path()); }

  [[nodiscard]] EngineConfig config(int speculative_tokens) const {
    EngineConfig config;
    config.model_folder = folder_.path();
    config.speculative_tokens = speculative_tokens;
    return config;
  }
  static std::vector<int> answer(Engine& engine, int number, float temperature) {
    GenerateRequest wanted;
    wanted.request_id = "test";
    for (int i = 0; i < 10 + 40 * number; ++i) {
      wanted.prompt.push_back((number + 7 * i + i * i) % 64);
    }
    wanted.max_tokens = 60;
    wanted.sampling.temperature = temperature;
    wanted.sampling.seed = 7;
    TokenStream stream = engine.submit(wanted);
    std::vector<int> tokens;
    while (const auto event = stream.next()) {
      tokens.push_back(event->token);
    }
    return tokens;
  }
  static EngineStats stats_at_rest(const Engine& engine) {
    EngineStats stats = engine.stats();
    for (int i = 0; i < 1000 && stats.running > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      stats = engine.stats();
    }
    return stats;
  }

  test::TempDir folder_;
};

TEST_F(EngineMtpTest, AnswersAreTheSameAndItsGuessesAreTold) {
  Engine plain(config(0));
  Engine drafting(config(16));
  for (int i = 0; i < 3; ++i) {
    for (const float temperature : {0.0F, 0.9F}) {
      EXPECT_EQ(answer(drafting, i, temperature), answer(plain, i, temperature)) << i;
    }
  }
  const EngineStats stats = stats_at_rest(drafting);
  EXPECT_GT(stats.drafts.mtp.accepted, 0U);
  EXPECT_EQ(stats.drafts.model.drafted, 0U);
  EXPECT_EQ(stats_at_rest(plain).drafts.drafted(), 0U);
}

TEST_F(EngineMtpTest, ItsWeightsAndCachesCountWhereItIsOfUse) {
  const auto model = models::MtpCase::rigged(1.0F).load();
  const std::uint64_t own = model->mtp_head()->weight_bytes();
  const Engine plain(config(0));
  EXPECT_EQ(plain.stats().weight_bytes, model->weight_bytes() - own);
  const Engine drafting(config(16));
  EXPECT_EQ(drafting.stats().weight_bytes, model->weight_bytes());

  // One layer with attention has 2 * 2 * 8 elements of a token in float32, as the head's has.
  EngineConfig small = config(16);
  const std::uint64_t states = 2 * model_config::state_bytes_per_sequence(model->config());
  small.kv_budget_bytes = states + 100 * 2 * 2 * 2 * 8 * 4;
  EXPECT_EQ(Engine(small).context_length(), 100);
}

TEST_F(EngineMtpTest, ADraftModelTakesItsPlace) {
  base::Json llama = test::tiny_config();
  llama["vocab_size"] = 64;
  const test::TempDir draft;
  test::write_tiny_model(draft.path(), llama);
  EngineConfig both = config(16);
  both.draft_folder = draft.path();
  Engine engine(both);
  Engine plain(config(0));
  EXPECT_EQ(answer(engine, 1, 0.0F), answer(plain, 1, 0.0F));
  EXPECT_EQ(stats_at_rest(engine).drafts.mtp.drafted, 0U);
  EXPECT_EQ(
      engine.stats().weight_bytes,
      plain.stats().weight_bytes + models::load_model(draft.path())->weight_bytes());
}

TEST_F(EngineMtpTest, AHeadThatLacksATensorIsRefusedUnlessNothingIsGuessed) {
  models::MtpCase broken;
  broken.tensors.erase("mtp.norm.weight");
  broken.write(folder_.path());
  try {
    const Engine engine(config(16));
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("missing: mtp.norm.weight"));
  }
  EXPECT_NO_THROW(Engine(config(0)));
}

}  // namespace
}  // namespace hub::engine
