#include "core/engine/prefix_disk.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "core/engine/engine.h"
#include "core/models/language_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/unit/engine/prefix_disk_config.h"

namespace hub::engine {
namespace {

namespace fs = std::filesystem;

std::vector<int> numbers(int count, int first) {
  std::vector<int> tokens;
  tokens.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    tokens.push_back((first + 7 * i + i / 13) % 96);
  }
  return tokens;
}

struct Answered {
  std::vector<int> tokens;
  int cached = 0;
};

class PrefixDiskTest : public testing::Test {
 protected:
  PrefixDiskTest() { test::write_tiny_model(model_.path()); }

  [[nodiscard]] EngineConfig config() const {
    EngineConfig config;
    config.model_folder = model_.path();
    config.prefill_chunk = 64;
    config.prefix_disk = prefix_disk_config(disk_.path());
    return config;
  }
  static GenerateRequest request(std::vector<int> prompt, std::string scope = {}) {
    GenerateRequest wanted;
    wanted.request_id = "test";
    wanted.prompt = std::move(prompt);
    wanted.max_tokens = 12;
    wanted.sampling.temperature = 0.0F;
    wanted.cache_scope = std::move(scope);
    return wanted;
  }
  static Answered collect(TokenStream& stream) {
    Answered answered;
    while (const auto event = stream.next()) {
      if (event->token >= 0) {
        answered.tokens.push_back(event->token);
      }
    }
    answered.cached = stream.cached_tokens();
    return answered;
  }
  static Answered ask(Engine& engine, const GenerateRequest& wanted) {
    TokenStream stream = engine.submit(wanted);
    return collect(stream);
  }
  // Waits for what happens on other threads.
  template <typename Condition>
  static bool comes(const Condition& condition) {
    for (int i = 0; i < 20000 && !condition(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return condition();
  }
  static constexpr std::uint64_t kTokenBytes = 2ULL * 2 * 2 * 16 * 4;

  test::TempDir model_;
  test::TempDir disk_;
};

TEST_F(PrefixDiskTest, ARestartedEngineGoesOnWhereTheOtherOneEnded) {
  const auto prompt = numbers(200, 3);
  Answered cold;
  {
    Engine engine(config());
    cold = ask(engine, request(prompt));
    EXPECT_EQ(cold.cached, 0);
  }
  Engine engine(config());
  const Answered warm = ask(engine, request(prompt));
  EXPECT_EQ(warm.tokens, cold.tokens);
  EXPECT_EQ(warm.cached, 199);
  const EngineStats stats = engine.stats();
  EXPECT_EQ(stats.prefix_disk.loads, 1U);
  EXPECT_EQ(stats.prefix_disk.loaded_tokens, 199U);
  EXPECT_EQ(stats.prefix_disk.files, 1U);
  // From now on memory has it.
  EXPECT_EQ(ask(engine, request(prompt)).cached, 199);
  EXPECT_EQ(engine.stats().prefix_disk.loads, 1U);
}

TEST_F(PrefixDiskTest, WhatLeavesMemoryStaysUsable) {
  EngineConfig small = config();
  small.kv_budget_bytes = 1100 * kTokenBytes;
  Engine engine(small);
  const Answered cold = ask(engine, request(numbers(250, 3)));
  for (int i = 0; i < 6; ++i) {
    ask(engine, request(numbers(300, 20 + 5 * i)));
  }
  ASSERT_TRUE(comes([&] { return engine.stats().prefix_disk.saves > 0; }));
  const Answered again = ask(engine, request(numbers(250, 3)));
  EXPECT_EQ(again.tokens, cold.tokens);
  EXPECT_EQ(again.cached, 249);
  EXPECT_GE(engine.stats().prefix_disk.loads, 1U);
}

TEST_F(PrefixDiskTest, ManyWhoWaitForAFileReadItOnce) {
  const auto prompt = numbers(200, 3);
  Answered cold;
  {
    Engine engine(config());
    cold = ask(engine, request(prompt));
  }
  Engine engine(config());
  std::vector<TokenStream> streams;
  streams.reserve(6);
  for (int i = 0; i < 6; ++i) {
    streams.push_back(engine.submit(request(prompt)));
  }
  for (TokenStream& stream : streams) {
    const Answered answered = collect(stream);
    EXPECT_EQ(answered.tokens, cold.tokens);
    EXPECT_EQ(answered.cached, 199);
  }
  EXPECT_EQ(engine.stats().prefix_disk.loads, 1U);
  EXPECT_EQ(engine.stats().waiting, 0);
}

// One after the other gets its turn, of a memory that holds one conversation.
TEST_F(PrefixDiskTest, WhoeverWaitsForATurnReadsWhenItComes) {
  EngineConfig small = config();
  small.max_running = 1;
  small.kv_budget_bytes = 512 * kTokenBytes;
  std::vector<Answered> cold;
  {
    Engine engine(config());
    for (int i = 0; i < 4; ++i) {
      cold.push_back(ask(engine, request(numbers(200, 3 + i))));
    }
  }
  Engine engine(small);
  EXPECT_EQ(engine.stats().prefix_disk.files, 4U);
  std::vector<TokenStream> streams;
  streams.reserve(8);
  for (int i = 0; i < 8; ++i) {
    streams.push_back(engine.submit(request(numbers(200, 3 + i % 4))));
  }
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const Answered answered = collect(streams[i]);
    EXPECT_EQ(answered.tokens, cold[i % 4].tokens) << i;
    EXPECT_EQ(answered.cached, 199) << i;
  }
  EXPECT_GE(engine.stats().prefix_disk.loads, 4U);
}

TEST_F(PrefixDiskTest, ScopesAndModelsShareNothing) {
  const auto prompt = numbers(200, 3);
  {
    Engine engine(config());
    ask(engine, request(prompt, "key1"));
  }
  {
    Engine engine(config());
    EXPECT_EQ(ask(engine, request(prompt, "key2")).cached, 0);
    EXPECT_EQ(ask(engine, request(prompt, "")).cached, 0);
    EXPECT_EQ(ask(engine, request(prompt, "key1")).cached, 199);
  }
  EngineConfig other = config();
  other.prefix_disk->model_digest = "model2";
  Engine engine(other);
  EXPECT_EQ(ask(engine, request(prompt, "key1")).cached, 0);
}

TEST_F(PrefixDiskTest, AdaptersAreKnownByTheirContents) {
  namespace mx = mlx::core;
  test::TempDir folder;
  {
    const auto model = models::load_model(model_.path());
    nn::LoraAdapter adapter{.scale = 2.0F, .layers = {}, .dropout = 0.0F, .dropout_key = {}};
    const auto factor = [](const mx::Shape& shape, std::uint64_t seed) {
      return mx::random::normal(shape, mx::float32, 0.0F, 0.3F, mx::random::key(seed));
    };
    for (const int layer : {0, 1}) {
      adapter.layers.insert(
          {fmt::format("model.layers.{}.self_attn.q_proj", layer),
           {factor({64, 4}, 1), factor({4, 64}, 2)}});
    }
    models::save_adapter(folder.path(), adapter, *model, base::Json::object());
  }
  GenerateRequest wanted = request(numbers(200, 3));
  wanted.adapter = "a";
  Answered cold;
  {
    Engine engine(config());
    engine.attach("a", folder.path(), "digest1");
    cold = ask(engine, wanted);
  }
  Engine engine(config());
  engine.attach("other id", folder.path(), "digest1");
  engine.attach("a", folder.path(), "digest2");
  engine.attach("nameless", folder.path());
  EXPECT_EQ(ask(engine, wanted).cached, 0);
  EXPECT_EQ(ask(engine, request(numbers(200, 3))).cached, 0);
  wanted.adapter = "nameless";
  EXPECT_EQ(ask(engine, wanted).cached, 0);
  wanted.adapter = "other id";
  const Answered warm = ask(engine, wanted);
  EXPECT_EQ(warm.cached, 199);
  EXPECT_EQ(warm.tokens, cold.tokens);
}

TEST_F(PrefixDiskTest, ShortOnesAreNotWritten) {
  {
    Engine engine(config());
    ask(engine, request(numbers(40, 3)));
  }
  Engine engine(config());
  EXPECT_EQ(engine.stats().prefix_disk.files, 0U);
  EXPECT_EQ(ask(engine, request(numbers(40, 3))).cached, 0);
}

TEST_F(PrefixDiskTest, ADamagedFileCostsTimeAndNothingElse) {
  const auto prompt = numbers(200, 3);
  Answered cold;
  {
    Engine engine(config());
    cold = ask(engine, request(prompt));
  }
  for (const auto& entry : fs::recursive_directory_iterator(disk_.path())) {
    if (entry.path().extension() == ".safetensors") {
      std::fstream stream(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
      stream.seekp(-5000, std::ios::end);
      stream << "damage";
    }
  }
  Engine engine(config());
  const Answered warm = ask(engine, request(prompt));
  EXPECT_EQ(warm.tokens, cold.tokens);
  EXPECT_EQ(warm.cached, 0);
  EXPECT_EQ(engine.stats().prefix_disk.loads, 0U);
  EXPECT_EQ(engine.stats().prefix_disk.files, 0U);
}

// A file whose digest holds but whose arrays are not this model's.
TEST_F(PrefixDiskTest, ArraysOfAnotherShapeAreNotUsed) {
  const auto prompt = numbers(200, 3);
  {
    PrefixStore store(
        {.root = disk_.path() / "prefixes",
         .model = "model1",
         .computed_by = "this program",
         .budget_bytes = 1U << 30U,
         .whole_only = false,
         .space = {}});
    const std::vector<char> bytes(64);
    const std::vector<PrefixTensor> tensors{{"keys.0", "F32", {1, 16}, {bytes}}};
    ASSERT_TRUE(store.save({}, prompt, tensors));
  }
  Engine engine(config());
  EXPECT_EQ(engine.stats().prefix_disk.files, 1U);
  EXPECT_EQ(ask(engine, request(prompt)).cached, 0);
  EXPECT_EQ(engine.stats().prefix_disk.files, 0U);
}

TEST_F(PrefixDiskTest, AnUnusableFolderStopsNothing) {
  static_cast<void>(disk_.write("prefixes", "a file"));
  Engine engine(config());
  EXPECT_EQ(ask(engine, request(numbers(200, 3))).tokens.size(), 12U);
  EXPECT_EQ(ask(engine, request(numbers(200, 3))).cached, 199);
}

TEST_F(PrefixDiskTest, WhoeverWaitsForAFileWhenTheEngineEndsIsCancelled) {
  {
    Engine engine(config());
    ask(engine, request(numbers(200, 3)));
  }
  std::vector<TokenStream> streams;
  {
    Engine engine(config());
    for (int i = 0; i < 8; ++i) {
      streams.push_back(engine.submit(request(numbers(200, 3))));
    }
  }
  for (TokenStream& stream : streams) {
    int lasts = 0;
    while (const auto event = stream.next()) {
      lasts += event->finish ? 1 : 0;
    }
    EXPECT_EQ(lasts, 1);
  }
}

}  // namespace
}  // namespace hub::engine
