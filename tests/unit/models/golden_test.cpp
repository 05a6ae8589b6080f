// The default model against what mlx-lm computed (scripts/make_goldens.py).
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/tensor/ops.h"
#include "tests/support/default_model.h"
#include "tests/unit/models/forward.h"

namespace hub::models {
namespace {

std::filesystem::path golden_folder() {
  return std::filesystem::path(HUB_SOURCE_DIR) / "tests/golden/models";
}

class Golden : public ::testing::TestWithParam<int> {
 protected:
  static void SetUpTestSuite() { model_ = load_model(test::default_model_folder()); }
  static void TearDownTestSuite() { model_.reset(); }

  Golden() {
    record_ = base::parse_json(base::read_file(golden_folder() / "forward.json"), "forward.json");
    const auto index = static_cast<std::size_t>(GetParam());
    case_ = record_.at("cases").at(index);
    prompt_ = case_.at("prompt").get<std::vector<int>>();
    // A GPU computes in the half type that the weights are stored in.
    tolerance_ = tensor::default_device_is_gpu() ? 1e-2F : record_.at("tolerance").get<float>();
    logits_ =
        tensor::load_safetensors(golden_folder() / fmt::format("logits_{}.safetensors", index));
  }

  static std::vector<int> greedy(KvCache& cache, std::vector<int> next, std::size_t count) {
    std::vector<int> tokens;
    while (tokens.size() < count) {
      const mx::array logits = step(*model_, {next}, {&cache});
      const mx::array last = rows(logits, logits.shape(0) - 1, logits.shape(0));
      tokens.push_back(static_cast<int>(mx::argmax(last).item<std::uint32_t>()));
      next = {tokens.back()};
    }
    return tokens;
  }

  static std::unique_ptr<LanguageModel> model_;  // NOLINT: loaded once for all cases
  base::Json record_;
  base::Json case_;
  std::vector<int> prompt_;
  float tolerance_ = 0.0F;
  std::unordered_map<std::string, mx::array> logits_;
};

std::unique_ptr<LanguageModel> Golden::model_;  // NOLINT

TEST_P(Golden, LogitsAreMlxLms) {
  const mx::array logits = forward(*model_, prompt_);
  const int count = logits.shape(0);
  EXPECT_LE(
      relative_error(mx::reshape(rows(logits, count - 1, count), {-1}), logits_.at("last")),
      tolerance_);

  const auto ids = record_.at("sampled_ids").get<std::vector<int>>();
  const mx::array sampled = mx::take(logits, tokens_of(ids), 1);
  std::vector<float> expected;
  for (const auto& row : case_.at("sampled_logits")) {
    for (const auto& value : row) {
      expected.push_back(value.get<float>());
    }
  }
  const mx::array wanted(expected.data(), sampled.shape(), mx::float32);
  EXPECT_LE(relative_error(sampled, wanted), tolerance_);
}

TEST_P(Golden, GreedyTokensAreMlxLms) {
  const auto expected = case_.at("greedy").get<std::vector<int>>();
  KvCache cache(model_->config());
  EXPECT_EQ(greedy(cache, prompt_, expected.size()), expected);
}

TEST_P(Golden, GreedyTokensOfARollingCacheAreMlxLms) {
  const auto record = base::parse_json(base::read_file(golden_folder() / "window.json"), "window");
  const base::Json& wanted = record.at("cases").at(static_cast<std::size_t>(GetParam()));
  const auto expected = wanted.at("greedy").get<std::vector<int>>();
  KvCache cache(
      model_->config(),
      {.window = record.at("window").get<int>(), .sinks = record.at("sinks").get<int>()});
  EXPECT_EQ(greedy(cache, wanted.at("prompt").get<std::vector<int>>(), expected.size()), expected);
}

TEST_P(Golden, LogitsWithAnAdapterAreMlxLms) {
  const nn::LoraAdapter adapter = load_adapter(golden_folder() / "adapter", *model_);
  const std::vector<nn::AdapterSpan> spans{{&adapter, 0, static_cast<int>(prompt_.size())}};
  const mx::array logits = forward(*model_, prompt_, spans);
  const int stride = record_.at("adapter_stride").get<int>();
  const auto every = [&](const mx::array& x) {
    return mx::slice(x, mx::Shape{0}, x.shape(), mx::Shape{stride});
  };
  const mx::array last = mx::reshape(rows(logits, logits.shape(0) - 1, logits.shape(0)), {-1});
  EXPECT_LE(relative_error(every(last), logits_.at("adapter_last")), tolerance_);
  EXPECT_GE(relative_error(every(logits_.at("last")), logits_.at("adapter_last")), 0.05F)
      << "the adapter changes too little to prove anything";
}

INSTANTIATE_TEST_SUITE_P(Prompts, Golden, ::testing::Range(0, 3));

}  // namespace
}  // namespace hub::models
