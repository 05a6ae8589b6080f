#include "core/engine/embedder.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/nn/lora.h"
#include "core/tensor/ops.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace hub::engine {
namespace {

using base::ErrorCode;
using model_config::Pooling;
namespace mx = mlx::core;

constexpr int kMaxRows = 16;

std::vector<int> text(int length, int first) {
  std::vector<int> tokens;
  tokens.reserve(static_cast<std::size_t>(length));
  for (int i = 0; i < length; ++i) {
    tokens.push_back((first + 5 * i) % 96);
  }
  return tokens;
}

class EmbedderTest : public testing::Test {
 protected:
  EmbedderTest() {
    test::write_tiny_model(folder_.path());
    model_ = models::load_model(folder_.path());
  }

  PendingVectors add(
      Embedder& embedder,
      std::vector<std::vector<int>> inputs,
      Pooling pooling = Pooling::kMean,
      std::shared_ptr<const nn::LoraAdapter> adapter = nullptr) {
    auto task = std::make_unique<EmbedTask>();
    task->request.inputs = std::move(inputs);
    task->request.pooling = pooling;
    task->adapter = std::move(adapter);
    task->state = std::make_shared<EmbedState>();
    PendingVectors pending(task->state);
    embedder.add(std::move(task));
    return pending;
  }

  Vectors all(
      std::vector<std::vector<int>> inputs,
      Pooling pooling = Pooling::kMean,
      std::shared_ptr<const nn::LoraAdapter> adapter = nullptr,
      int max_rows = kMaxRows) {
    Embedder embedder(*model_, max_rows);
    PendingVectors pending = add(embedder, std::move(inputs), pooling, std::move(adapter));
    while (!embedder.idle()) {
      embedder.step();
    }
    return pending.get();
  }

  static std::shared_ptr<const nn::LoraAdapter> adapter(std::uint64_t seed) {
    const auto factor = [&](const mx::Shape& shape, std::uint64_t more) {
      return mx::random::normal(shape, mx::float32, 0.0F, 0.3F, mx::random::key(seed + more));
    };
    nn::LoraAdapter made{.scale = 2.0F, .layers = {}, .dropout = 0.0F, .dropout_key = {}};
    made.layers.insert(
        {"model.layers.0.self_attn.q_proj", {factor({64, 4}, 1), factor({4, 64}, 2)}});
    return std::make_shared<const nn::LoraAdapter>(std::move(made));
  }

  static ErrorCode code_of(PendingVectors& pending) {
    try {
      static_cast<void>(pending.get());
    } catch (const base::Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorCode::kInternal;
  }

  test::TempDir folder_;
  std::unique_ptr<models::LanguageModel> model_;
};

TEST_F(EmbedderTest, VectorsHaveLengthOneAndKeepTheirOrder) {
  const Vectors vectors = all({text(3, 1), text(5, 2), text(4, 3)});
  ASSERT_EQ(vectors.size(), 3U);
  for (const auto& vector : vectors) {
    ASSERT_EQ(vector.size(), 64U);
    double squares = 0.0;
    for (const float value : vector) {
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
    EXPECT_NEAR(squares, 1.0, 1e-6);
  }
  EXPECT_EQ(all({text(4, 3)}).front(), vectors[2]);
}

TEST_F(EmbedderTest, ATextHasTheSameVectorAloneAndInAnyCompany) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "only the CPU keeps the last bits";
  }
  const std::vector<std::vector<int>> texts{text(3, 1), text(40, 2), text(1, 3), text(9, 4)};
  for (const Pooling pooling : {Pooling::kMean, Pooling::kLast, Pooling::kCls}) {
    const Vectors together = all(texts, pooling);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(all({texts[i]}, pooling).front(), together[i]) << i;
    }
  }
}

TEST_F(EmbedderTest, ATextReadInPartsIsTheWholeText) {
  for (const Pooling pooling : {Pooling::kMean, Pooling::kLast, Pooling::kCls}) {
    const auto parts = all({text(40, 2)}, pooling).front();
    const auto whole = all({text(40, 2)}, pooling, nullptr, 64).front();
    for (std::size_t i = 0; i < whole.size(); ++i) {
      ASSERT_NEAR(parts[i], whole[i], 1e-5);
    }
  }
}

TEST_F(EmbedderTest, StepsAreBoundedAndRequestsTakeTurns) {
  Embedder embedder(*model_, kMaxRows);
  const PendingVectors longer = add(embedder, std::vector(20, text(4, 1)));
  PendingVectors one = add(embedder, {text(4, 2)});
  PendingVectors in_parts = add(embedder, {text(40, 3)});
  embedder.step();
  EXPECT_EQ(embedder.tokens(), 16U);
  EXPECT_EQ(embedder.step_texts(), 4U);
  EXPECT_EQ(embedder.requests(), 2) << "the one of one text had its turn";
  EXPECT_EQ(one.get().size(), 1U);
  std::uint64_t before = embedder.tokens();
  while (!embedder.idle()) {
    embedder.step();
    EXPECT_LE(embedder.tokens() - before, 16U);
    before = embedder.tokens();
    if (embedder.requests() == 2) {
      EXPECT_GT(embedder.cache_bytes(), 0U) << "the text in parts has begun";
    }
  }
  EXPECT_EQ(embedder.cache_bytes(), 0U);
  EXPECT_EQ(in_parts.get().size(), 1U);
  EXPECT_EQ(embedder.tokens(), 20U * 4U + 4U + 40U);
}

TEST_F(EmbedderTest, AdaptersShareAStep) {
  const auto first = adapter(10);
  const auto second = adapter(20);
  Embedder embedder(*model_, kMaxRows);
  PendingVectors base = add(embedder, {text(3, 1)});
  PendingVectors adapted = add(embedder, {text(3, 1)}, Pooling::kMean, first);
  PendingVectors other = add(embedder, {text(3, 1)}, Pooling::kMean, second);
  embedder.step();
  EXPECT_TRUE(embedder.idle());
  EXPECT_EQ(embedder.steps(), 1U);
  const auto of_base = base.get();
  const auto of_first = adapted.get();
  EXPECT_NE(of_base, of_first);
  EXPECT_NE(other.get(), of_first);
  EXPECT_EQ(all({text(3, 1)}), of_base);
  EXPECT_EQ(all({text(3, 1)}, Pooling::kMean, first), of_first);
  EXPECT_NE(all({text(40, 1)}, Pooling::kMean, first), all({text(40, 1)}));
}

TEST_F(EmbedderTest, ARequestWhoseReaderIsGoneEnds) {
  int ends = 0;
  Embedder embedder(*model_, kMaxRows, [&ends] { ++ends; });
  {
    const PendingVectors gone = add(embedder, std::vector(20, text(4, 1)));
    embedder.step();
    EXPECT_EQ(embedder.requests(), 1);
  }
  PendingVectors cancelled = add(embedder, {text(40, 1)});
  cancelled.canceller()();
  embedder.step();
  EXPECT_TRUE(embedder.idle());
  EXPECT_EQ(ends, 2);
  EXPECT_EQ(code_of(cancelled), ErrorCode::kCancelled);
}

TEST_F(EmbedderTest, TheEndOfTheEngineEndsAll) {
  Embedder embedder(*model_, kMaxRows);
  PendingVectors pending = add(embedder, {text(4, 1)});
  embedder.cancel_all();
  EXPECT_TRUE(embedder.idle());
  EXPECT_EQ(code_of(pending), ErrorCode::kUnavailable);
}

TEST_F(EmbedderTest, NumbersThatAreNoneEndTheRequest) {
  auto broken = test::tiny_tensors(test::tiny_config());
  broken.insert_or_assign(
      "model.norm.weight", mx::full({64}, std::numeric_limits<float>::quiet_NaN()));
  test::write_model(folder_.path(), test::tiny_config(), broken);
  model_ = models::load_model(folder_.path());
  Embedder embedder(*model_, kMaxRows);
  PendingVectors pending = add(embedder, {text(4, 1), text(4, 2)});
  embedder.step();
  EXPECT_TRUE(embedder.idle());
  EXPECT_EQ(code_of(pending), ErrorCode::kInternal);
}

TEST_F(EmbedderTest, AFailureEndsTheRequestsOfItsStepAlone) {
  const auto unfit = [] {
    nn::LoraAdapter made{.scale = 2.0F, .layers = {}, .dropout = 0.0F, .dropout_key = {}};
    made.layers.insert(
        {"model.layers.0.self_attn.q_proj", {mx::zeros({63, 4}), mx::zeros({4, 64})}});
    return std::make_shared<const nn::LoraAdapter>(std::move(made));
  }();
  Embedder embedder(*model_, kMaxRows);
  PendingVectors fails = add(embedder, {text(16, 1)}, Pooling::kMean, unfit);
  PendingVectors waits = add(embedder, {text(16, 2)});
  embedder.step();
  EXPECT_EQ(embedder.requests(), 1);
  EXPECT_ANY_THROW(static_cast<void>(fails.get()));
  embedder.step();
  EXPECT_EQ(waits.get().size(), 1U);
}

}  // namespace
}  // namespace hub::engine
