// How an engine keeps keys and values: EngineConfig::kv_bits, kv_window.
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/engine/engine.h"
#include "core/tensor/ops.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/unit/engine/prefix_disk_config.h"

namespace hub::engine {
namespace {

using base::Error;
using base::ErrorCode;

struct Answered {
  std::vector<int> tokens;
  std::vector<float> logprobs;
  int cached = 0;

  bool operator==(const Answered& other) const {
    return tokens == other.tokens && logprobs == other.logprobs;
  }
};

std::vector<int> numbers(int count, int first) {
  std::vector<int> tokens;
  tokens.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    tokens.push_back((first + 7 * i + i / 13) % 96);
  }
  return tokens;
}

Answered collect(TokenStream stream) {
  Answered answered;
  while (const auto event = stream.next()) {
    if (event->token >= 0) {
      answered.tokens.push_back(event->token);
      answered.logprobs.push_back(event->logprob);
    }
  }
  answered.cached = stream.cached_tokens();
  return answered;
}

GenerateRequest request(std::vector<int> prompt, int max_tokens) {
  GenerateRequest wanted;
  wanted.request_id = "test";
  wanted.prompt = std::move(prompt);
  wanted.max_tokens = max_tokens;
  wanted.sampling.temperature = 1.0F;
  wanted.sampling.seed = 7;
  return wanted;
}

class EngineCacheTest : public testing::TestWithParam<int> {
 protected:
  EngineCacheTest() {
    base::Json wider = test::tiny_config();
    wider["head_dim"] = 32;
    test::write_tiny_model(folder_.path(), wider);
  }
  [[nodiscard]] EngineConfig config(int prefill_chunk = 16) const {
    EngineConfig config;
    config.model_folder = folder_.path();
    config.prefill_chunk = prefill_chunk;
    config.kv_bits = GetParam();
    config.batch_invariant = true;  // on a GPU it is a choice
    return config;
  }
  // 2 layers of keys and values, 2 heads of 32 elements with a scale and a bias, or in float32.
  static std::uint64_t token_bytes() {
    return GetParam() == 0 ? 8 * 32 * 4 : 8 * (4 * static_cast<std::uint64_t>(GetParam()) + 8);
  }

  test::TempDir folder_;
};

TEST_P(EngineCacheTest, AnswersAreTheSameAloneInABatchAndAfterOthers) {
  const GenerateRequest wanted = request(numbers(100, 3), 40);
  Engine alone(config());
  EXPECT_EQ(alone.stats().kv_bits, GetParam());
  const Answered cold = collect(alone.submit(wanted));
  ASSERT_EQ(cold.tokens.size(), 40U);
  const Answered warm = collect(alone.submit(wanted));
  EXPECT_EQ(warm.cached, 99);
  EXPECT_TRUE(warm == cold);

  Engine engine(config(64));
  std::vector<TokenStream> streams;
  streams.reserve(5);
  for (int i = 0; i < 4; ++i) {
    streams.push_back(engine.submit(request(numbers(50 + 30 * i, 20 + i), 40)));
  }
  streams.push_back(engine.submit(wanted));
  EXPECT_TRUE(collect(std::move(streams.back())) == cold);
}

// Enough logits that several threads draw from them.
TEST(EngineBatch, ALargeVocabularysAnswersAreTheSameAloneAndInABatch) {
  const test::TempDir folder;
  base::Json wide = test::tiny_config();
  wide["vocab_size"] = 60000;
  test::write_tiny_model(folder.path(), wide);
  EngineConfig config;
  config.model_folder = folder.path();
  config.batch_invariant = true;
  Engine engine(config);
  std::vector<GenerateRequest> requests;
  std::vector<Answered> alone;
  for (int i = 0; i < 12; ++i) {
    requests.push_back(request(numbers(10 + i, i), 10));
    requests.back().sampling.seed = static_cast<std::uint64_t>(i);
    alone.push_back(collect(engine.submit(requests.back())));
  }
  std::vector<TokenStream> streams;
  streams.reserve(requests.size());
  for (const GenerateRequest& one : requests) {
    streams.push_back(engine.submit(one));
  }
  for (std::size_t i = 0; i < streams.size(); ++i) {
    EXPECT_TRUE(collect(std::move(streams[i])) == alone[i]) << i;
  }
}

TEST_P(EngineCacheTest, WhoeverGaveWayGoesOnAsIfItHadNot) {
  std::vector<Answered> wanted;
  {
    Engine engine(config());
    for (int i = 0; i < 3; ++i) {
      wanted.push_back(collect(engine.submit(request(numbers(100, 30 * i), 200))));
    }
  }
  EngineConfig small = config();
  small.kv_budget_bytes = 800 * token_bytes();
  Engine engine(small);
  std::vector<TokenStream> streams;
  streams.reserve(5);
  for (int i = 0; i < 3; ++i) {
    streams.push_back(engine.submit(request(numbers(100, 30 * i), 200)));
  }
  for (std::size_t i = 0; i < streams.size(); ++i) {
    EXPECT_TRUE(collect(std::move(streams[i])) == wanted[i]) << i;
  }
  EXPECT_GT(engine.stats().preemptions, 0U);
}

TEST_P(EngineCacheTest, TheBudgetHoldsMoreTokens) {
  EngineConfig small = config();
  small.kv_budget_bytes = 300 * token_bytes();
  Engine engine(small);
  EXPECT_EQ(engine.context_length(), 300);
  EXPECT_EQ(collect(engine.submit(request(numbers(250, 3), 3))).tokens.size(), 3U);
  // A text to embed is read with a cache of floats, of which the budget holds fewer.
  EmbedRequest text;
  text.request_id = "test";
  text.inputs = {numbers(250, 3)};
  try {
    static_cast<void>(engine.embed(text));
    ADD_FAILURE() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInsufficientMemory);
  }
  EngineConfig floats = small;
  floats.kv_bits = 0;
  EXPECT_LT(Engine(floats).context_length(), 150);
}

TEST_P(EngineCacheTest, KeptPrefixesComeBackFromTheDisk) {
  const test::TempDir disk;
  EngineConfig kept = config();
  kept.prefix_disk = prefix_disk_config(disk.path());
  const GenerateRequest wanted = request(numbers(200, 3), 12);
  Answered cold;
  {
    Engine engine(kept);
    cold = collect(engine.submit(wanted));
  }
  {
    Engine engine(kept);
    const Answered warm = collect(engine.submit(wanted));
    EXPECT_EQ(warm.cached, 199);
    EXPECT_EQ(warm.tokens, cold.tokens);
    EXPECT_EQ(engine.stats().prefix_disk.loads, 1U);
  }
  // Files of a cache of other bits are not this engine's, whoever says so.
  kept.kv_bits = 12 - GetParam();
  Engine other(kept);
  EXPECT_EQ(collect(other.submit(wanted)).cached, 0);
  EXPECT_EQ(other.stats().prefix_disk.loads, 0U);
}

INSTANTIATE_TEST_SUITE_P(Bits, EngineCacheTest, testing::Values(4, 8));

// The parameter: bits.
class RollingEngineTest : public EngineCacheTest {
 protected:
  [[nodiscard]] EngineConfig rolling(int prefill_chunk = 16) const {
    EngineConfig rolls = config(prefill_chunk);
    rolls.kv_window = 100;
    return rolls;
  }
};

// Beyond the context of 512, alone and beside others that guess, that share its beginning, and that
// take its room away; nothing of it is lent.
TEST_P(RollingEngineTest, AnswersGoOnAndAreTheSameHoweverTheyCame) {
  const GenerateRequest wanted = request(numbers(150, 3), 700);
  Engine alone(rolling());
  EXPECT_EQ(alone.stats().kv_window, 100);
  const Answered first = collect(alone.submit(wanted));
  ASSERT_EQ(first.tokens.size(), 700U);
  const Answered again = collect(alone.submit(wanted));
  EXPECT_EQ(again.cached, 0);
  EXPECT_TRUE(again == first);
  EXPECT_EQ(alone.stats().prefix_entries, 0U);

  EngineConfig small = rolling(64);
  // A second one is let in however far the first has come, and both cannot have all their rows.
  small.kv_budget_bytes = (2 * 420 - 1) * token_bytes();
  small.speculative_tokens = 0;
  Engine engine(small);
  std::vector<TokenStream> streams;
  streams.reserve(5);
  for (int i = 0; i < 3; ++i) {
    GenerateRequest other = request(numbers(150, 40 + i), 700);
    streams.push_back(engine.submit(std::move(other)));
  }
  streams.push_back(engine.submit(wanted));
  EXPECT_TRUE(collect(std::move(streams.back())) == first);
  EXPECT_GT(engine.stats().preemptions, 0U);
}

// Guesses are taken back beyond where rows were dropped.
TEST_P(RollingEngineTest, GuessesChangeNothing) {
  GenerateRequest wanted = request(numbers(60, 3), 600);
  wanted.sampling.temperature = 0.0F;  // repeats itself: there is something to guess
  EngineConfig without = rolling();
  without.speculative_tokens = 0;
  const Answered plain = collect(Engine(without).submit(wanted));
  Engine guessing(rolling());
  EXPECT_EQ(collect(guessing.submit(wanted)).tokens, plain.tokens);
  EXPECT_GT(guessing.stats().drafts.drafted(), 0U);
}

TEST_P(RollingEngineTest, BoundsAreThoseOfTheWindow) {
  Engine engine(rolling());
  EXPECT_EQ(engine.context_length(), 512);
  // Who names no length gets the context's; a prompt has to fit there in any case.
  EXPECT_EQ(collect(engine.submit(request(numbers(500, 3), kToTheContextsEnd))).tokens.size(), 12U);
  try {
    static_cast<void>(engine.submit(request(numbers(512, 3), 5)));
    ADD_FAILURE() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "context_length_exceeded");
  }
  // A short beginning is whole and serves the next one.
  const GenerateRequest brief = request(numbers(60, 3), 5);
  const Answered cold = collect(engine.submit(brief));
  const Answered warm = collect(engine.submit(brief));
  EXPECT_EQ(warm.cached, 59);
  EXPECT_TRUE(warm == cold);
  // A budget that cannot hold the window is a bound as ever.
  EngineConfig small = rolling();
  small.kv_budget_bytes = 200 * token_bytes();
  Engine tight(small);
  EXPECT_EQ(collect(tight.submit(request(numbers(150, 3), 300))).tokens.size(), 50U);
}

INSTANTIATE_TEST_SUITE_P(Bits, RollingEngineTest, testing::Values(0, 8));

TEST(EngineCache, WindowsThatAreNoneAreRefused) {
  const test::TempDir folder;
  test::write_tiny_model(folder.path());
  EngineConfig config;
  config.model_folder = folder.path();
  config.kv_window = 4;
  try {
    const Engine engine(config);
    ADD_FAILURE() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.param(), "kv_window");
  }
}

TEST(EngineCache, BitsThatAreNoneAreRefused) {
  const test::TempDir folder;
  test::write_tiny_model(folder.path());  // heads of 16 elements
  EngineConfig config;
  config.model_folder = folder.path();
  for (const auto& [bits, code] :
       {std::pair(5, ErrorCode::kInvalidArgument), std::pair(8, ErrorCode::kUnprocessable)}) {
    config.kv_bits = bits;
    try {
      const Engine engine(config);
      ADD_FAILURE() << bits << " were taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      EXPECT_EQ(error.param(), "kv_bits");
    }
  }
}

}  // namespace
}  // namespace hub::engine
