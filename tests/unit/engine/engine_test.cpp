#include "core/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/models/language_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/unit/engine/engine_fixture.h"

namespace hub::engine {
namespace {

TEST_F(EngineTest, GreedyAnswerHasItsLengthAndEndsOnce) {
  Engine engine(config());
  TokenStream stream = engine.submit(request({5, 6, 7}, 12));
  const Answered answered = collect(stream);
  EXPECT_EQ(answered.tokens.size(), 12U);
  EXPECT_EQ(answered.finish, FinishReason::kLength);
  EXPECT_EQ(answered.lasts, 1);
  EXPECT_FALSE(stream.next().has_value());
  for (const float logprob : answered.logprobs) {
    EXPECT_LE(logprob, 0.0F);
  }
  const EngineStats stats = settled(engine);
  EXPECT_EQ(stats.prompt_tokens, 3U);
  EXPECT_EQ(stats.generated_tokens, 12U);
  EXPECT_EQ(stats.kv_bytes, 0U);
  EXPECT_GT(stats.weight_bytes, 0U);
}

TEST_F(EngineTest, StopIdEndsTheAnswerAndIsNotPartOfIt) {
  Engine engine(config());
  TokenStream plain = engine.submit(request({5, 6, 7}, 12));
  const std::vector<int> tokens = collect(plain).tokens;
  GenerateRequest wanted = request({5, 6, 7}, 12);
  wanted.stop_ids = {tokens[4]};
  TokenStream stream = engine.submit(wanted);
  const Answered answered = collect(stream);
  EXPECT_EQ(answered.finish, FinishReason::kStop);
  const auto first = std::ranges::find(tokens, tokens[4]) - tokens.begin();
  EXPECT_EQ(answered.tokens, std::vector<int>(tokens.begin(), tokens.begin() + first));
}

TEST_F(EngineTest, TogetherEachSaysWhatItSaysAlone) {
  test::TempDir adapter;
  write_tiny_adapter(adapter.path(), folder_.path());
  alone_and_together(config(), adapter.path());
}

TEST_F(EngineTest, GivingWayChangesNothing) {
  EngineConfig small = config();
  // Room for about 200 tokens: three sequences of up to 120 must take turns.
  small.kv_budget_bytes = 200ULL * 2 * 2 * 2 * 16 * 4;
  Engine tight(small);
  Engine roomy(config());
  std::vector<TokenStream> streams;
  streams.reserve(3);
  for (int i = 0; i < 3; ++i) {
    streams.push_back(tight.submit(request(numbers(20, i), 100, 0.8F)));
  }
  for (int i = 0; i < 3; ++i) {
    TokenStream alone = roomy.submit(request(numbers(20, i), 100, 0.8F));
    EXPECT_EQ(collect(streams[static_cast<std::size_t>(i)]).tokens, collect(alone).tokens) << i;
  }
}

TEST_F(EngineTest, SeedDecidesWhatIsDrawn) {
  Engine engine(config());
  const auto draw = [&](std::optional<std::uint64_t> seed) {
    GenerateRequest wanted = request({1, 2, 3}, 30, 1.0F);
    wanted.sampling.seed = seed;
    TokenStream stream = engine.submit(wanted);
    return collect(stream).tokens;
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
  EXPECT_NE(draw(std::nullopt), draw(std::nullopt));
}

TEST_F(EngineTest, AdapterChangesTheAnswerAndTheBaseStaysAsItWas) {
  test::TempDir adapter;
  write_tiny_adapter(adapter.path(), folder_.path());
  Engine engine(config());
  const auto answer = [&](std::optional<std::string> id) {
    GenerateRequest wanted = request({5, 6, 7}, 24);
    wanted.adapter = std::move(id);
    TokenStream stream = engine.submit(wanted);
    return collect(stream).tokens;
  };
  const std::vector<int> base = answer(std::nullopt);
  EXPECT_EQ(thrown_by([&] { answer("a"); }).code(), ErrorCode::kNotFound);
  engine.attach("a", adapter.path());
  engine.attach("a", adapter.path());
  EXPECT_EQ(engine.stats().adapters, std::vector<std::string>{"a"});
  EXPECT_NE(answer("a"), base);
  EXPECT_EQ(answer(std::nullopt), base);
  EXPECT_TRUE(engine.detach("a"));
  EXPECT_FALSE(engine.detach("a"));
  EXPECT_EQ(thrown_by([&] { answer("a"); }).code(), ErrorCode::kNotFound);
  EXPECT_EQ(answer(std::nullopt), base);
}

TEST_F(EngineTest, DetachedAdapterServesItsLastRequests) {
  test::TempDir adapter;
  write_tiny_adapter(adapter.path(), folder_.path());
  Engine engine(config());
  engine.attach("a", adapter.path());
  GenerateRequest wanted = request({5, 6, 7}, 300);
  wanted.adapter = "a";
  TokenStream first = engine.submit(wanted);
  const std::vector<int> whole = collect(first).tokens;
  TokenStream second = engine.submit(wanted);
  EXPECT_TRUE(engine.detach("a"));
  EXPECT_EQ(collect(second).tokens, whole);
}

TEST_F(EngineTest, BrokenAdapterIsRefusedAndTheEngineGoesOn) {
  Engine engine(config());
  test::TempDir empty;
  EXPECT_THROW(engine.attach("x", empty.path()), Error);
  TokenStream stream = engine.submit(request({1}, 3));
  EXPECT_EQ(collect(stream).tokens.size(), 3U);
}

TEST_F(EngineTest, DestroyingAStreamEndsItsRequest) {
  Engine engine(config());
  {
    TokenStream stream = engine.submit(request({5, 6, 7}, 400));
    EXPECT_TRUE(stream.next().has_value());
  }
  const EngineStats stats = settled(engine);
  EXPECT_EQ(stats.running, 0);
  EXPECT_EQ(stats.kv_bytes, 0U);
  EXPECT_LT(stats.generated_tokens, 400U);
}

TEST_F(EngineTest, CancellerEndsTheStreamFromOutside) {
  Engine engine(config());
  TokenStream stream = engine.submit(request({5, 6, 7}, 400));
  stream.canceller()();
  const Answered answered = collect(stream);
  EXPECT_EQ(answered.finish, FinishReason::kCancelled);
  EXPECT_EQ(answered.lasts, 1);
}

TEST_F(EngineTest, EndingTheEngineEndsWhatRuns) {
  auto engine = std::make_unique<Engine>(config());
  TokenStream first = engine->submit(request({5, 6, 7}, 400));
  TokenStream second = engine->submit(request({5, 6, 7}, 400));
  engine.reset();
  EXPECT_EQ(collect(first).finish, FinishReason::kCancelled);
  EXPECT_EQ(collect(second).finish, FinishReason::kCancelled);
}

TEST_F(EngineTest, TooLongPromptIsRefusedWithBothNumbers) {
  Engine engine(config());
  const Error error = thrown_by([&] { engine.submit(request(numbers(600, 1), 5)); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.reason(), "context_length_exceeded");
  EXPECT_NE(std::string(error.what()).find("512"), std::string::npos);
  EXPECT_NE(std::string(error.what()).find("600"), std::string::npos);
}

TEST_F(EngineTest, AnswerIsCutToTheContext) {
  Engine engine(config());
  TokenStream stream = engine.submit(request(numbers(500, 1), 1'000'000));
  const Answered answered = collect(stream);
  EXPECT_EQ(answered.tokens.size(), 12U);
  EXPECT_EQ(answered.finish, FinishReason::kLength);
}

TEST_F(EngineTest, WrongRequestsAreRefused) {
  Engine engine(config());
  for (const GenerateRequest& wrong :
       {request({}, 5), request({96}, 5), request({-1}, 5), request({1}, -1)}) {
    EXPECT_EQ(thrown_by([&] { engine.submit(wrong); }).code(), ErrorCode::kInvalidArgument);
  }
}

TEST_F(EngineTest, PromptBeyondTheCacheBudgetIsRefused) {
  EngineConfig small = config();
  small.kv_budget_bytes = 50ULL * 2 * 2 * 2 * 16 * 4;
  Engine engine(small);
  EXPECT_EQ(
      thrown_by([&] { engine.submit(request(numbers(50, 1), 5)); }).code(),
      ErrorCode::kInsufficientMemory);
  TokenStream stream = engine.submit(request(numbers(40, 1), 100));
  EXPECT_EQ(collect(stream).tokens.size(), 10U);
}

TEST_F(EngineTest, FullQueueSaysNo) {
  EngineConfig small = config();
  small.max_running = 1;
  small.max_waiting = 4;
  Engine engine(small);
  std::vector<TokenStream> streams;
  const auto fill = [&](const std::string& scope) {
    return thrown_by([&] {
      for (int i = 0; i < 10; ++i) {
        GenerateRequest wanted = request({5, 6, 7}, 480);
        wanted.cache_scope = scope;
        streams.push_back(engine.submit(wanted));
      }
    });
  };
  const Error of_key = fill("flood");  // one may run by now
  EXPECT_EQ(of_key.code(), ErrorCode::kRateLimited);
  EXPECT_EQ(of_key.reason(), "key_queue_full");
  EXPECT_GE(streams.size(), 3U);
  EXPECT_LE(streams.size(), 5U);
  const Error of_all = fill("other");
  EXPECT_EQ(of_all.code(), ErrorCode::kUnavailable);
  EXPECT_EQ(of_all.reason(), "engine_busy");
  const EngineStats stats = engine.stats();
  EXPECT_EQ(stats.refused_for_key, 1U);
  EXPECT_EQ(stats.refused, 1U);
  EXPECT_GE(stats.waiting, 3);
  EXPECT_EQ(stats.waiting_keys, 2U);
}

TEST_F(EngineTest, DrainWaitsAndRefusesNewRequests) {
  Engine engine(config());
  TokenStream stream = engine.submit(request({5, 6, 7}, 50));
  EXPECT_TRUE(engine.drain(60'000));
  EXPECT_EQ(collect(stream).tokens.size(), 50U);
  EXPECT_EQ(thrown_by([&] { engine.submit(request({1}, 1)); }).code(), ErrorCode::kUnavailable);
}

TEST_F(EngineTest, DrainGivesUpInTime) {
  Engine engine(config());
  TokenStream stream = engine.submit(request({5, 6, 7}, 500));
  EXPECT_FALSE(engine.drain(0));
}

TEST_F(EngineTest, NextForGivesUpInTime) {
  EngineConfig small = config();
  small.max_running = 1;
  Engine engine(small);
  TokenStream first = engine.submit(request({5, 6, 7}, 480));
  TokenStream second = engine.submit(request({5, 6, 7}, 3));
  bool timed_out = false;
  EXPECT_FALSE(second.next_for(0, &timed_out).has_value());
  EXPECT_TRUE(timed_out);
}

TEST(Engine, FolderWithoutAModelIsRefused) {
  test::TempDir empty;
  EngineConfig config;
  config.model_folder = empty.path();
  EXPECT_THROW(Engine{config}, Error);
}

TEST(Engine, ModelThatComputesNonsenseIsRefusedAtLoad) {
  test::TempDir folder;
  const base::Json json = test::tiny_config();
  test::Tensors tensors = test::tiny_tensors(json);
  tensors.insert_or_assign("model.norm.weight", mlx::core::full({64}, std::nanf("")));
  test::write_model(folder.path(), json, tensors);
  EngineConfig config;
  config.model_folder = folder.path();
  EXPECT_THROW(Engine{config}, Error);
}

}  // namespace
}  // namespace hub::engine
