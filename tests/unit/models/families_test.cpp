// Every family against what mlx-lm computed, and against itself.
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/cross_entropy.h"
#include "core/model_config/adapter_check.h"
#include "core/model_config/content_digest.h"
#include "core/model_config/layer_shape.h"
#include "core/model_config/tensor_check.h"
#include "core/models/adaptable.h"
#include "core/tensor/ops.h"
#include "tests/unit/models/family_case.h"
#include "tests/unit/models/forward.h"

namespace hub::models {
namespace {

std::vector<int> joined(const std::vector<std::vector<int>>& sequences) {
  std::vector<int> all;
  for (const auto& sequence : sequences) {
    all.insert(all.end(), sequence.begin(), sequence.end());
  }
  return all;
}

class Families : public ::testing::TestWithParam<std::string> {
 protected:
  Families() : case_(GetParam()), model_(case_.load()), inputs_(case_.sequences("inputs")) {}

  [[nodiscard]] mx::array golden_logits(int sequence) const {
    return mx::squeeze(mx::take(case_.golden.at("logits"), mx::array({sequence}), 0), 0);
  }
  [[nodiscard]] float logits_tolerance() const {
    return case_.record.at("logits_tolerance").get<float>();
  }
  [[nodiscard]] std::vector<mx::array> factors() const {
    std::vector<mx::array> all;
    for (const std::string& name : case_.factor_names()) {
      all.push_back(case_.factor(name));
    }
    return all;
  }
  [[nodiscard]] Attend training_attend() const {
    return causal_attend(
        *model_, static_cast<int>(inputs_.size()), static_cast<int>(inputs_[0].size()));
  }
  [[nodiscard]] std::vector<mx::array> gradients_of_factors(bool recompute) const {
    const mx::array tokens = tokens_of(joined(inputs_));
    const mx::array targets = tokens_of(joined(case_.sequences("targets")));
    const auto loss = [&](const std::vector<mx::array>& traced) {
      nn::LoraAdapter adapter = case_.adapter(traced);
      adapter.recompute = recompute;
      const std::vector<nn::AdapterSpan> spans{{&adapter, 0, tokens.shape(0)}};
      const mx::array hidden = model_->hidden(tokens, training_attend(), spans);
      return std::vector<mx::array>{
          mx::mean(kernels::cross_entropy(model_->logits(hidden, spans), targets))};
    };
    std::vector<int> all(case_.factor_names().size());
    std::iota(all.begin(), all.end(), 0);
    return mx::value_and_grad(loss, all)(factors()).second;
  }

  FamilyCase case_;
  std::unique_ptr<LanguageModel> model_;
  std::vector<std::vector<int>> inputs_;
};

TEST_P(Families, LogitsAreMlxLms) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const mx::array logits = forward(*model_, inputs_[i]);
    EXPECT_LE(relative_error(logits, golden_logits(static_cast<int>(i))), logits_tolerance());
  }
}

TEST_P(Families, GreedyTokensAreMlxLms) {
  const base::Json& greedy = case_.record.at("greedy");
  const auto expected = greedy.at("tokens").get<std::vector<int>>();
  KvCache cache(model_->config());
  std::vector<int> tokens;
  auto next = greedy.at("prompt").get<std::vector<int>>();
  while (tokens.size() < expected.size()) {
    const mx::array logits = step(*model_, {next}, {&cache});
    const mx::array last = rows(logits, logits.shape(0) - 1, logits.shape(0));
    tokens.push_back(static_cast<int>(mx::argmax(last).item<std::uint32_t>()));
    next = {tokens.back()};
  }
  EXPECT_EQ(tokens, expected);
}

TEST_P(Families, GradientsOfAnAdapterAreMlxLms) {
  const auto names = case_.factor_names();
  const auto gradients = gradients_of_factors(false);
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_LE(
        relative_error(gradients[i], case_.golden.at(names[i])),
        case_.record.at("gradient_tolerance").get<float>())
        << names[i];
  }
}

TEST_P(Families, RecomputedActivationsChangeNoBit) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "the CPU kernels' promise";
  }
  const auto kept = gradients_of_factors(false);
  const auto recomputed = gradients_of_factors(true);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    EXPECT_TRUE(same_bits(recomputed[i], kept[i])) << case_.factor_names()[i];
  }
}

TEST_P(Families, ChunksOfAPromptGiveTheSameBitsAsTheWhole) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "the CPU kernels' promise";
  }
  const std::vector<int>& prompt = inputs_[0];
  const mx::array whole = forward(*model_, prompt);
  for (const int chunk : {1, 2, 3, 7}) {
    KvCache cache(model_->config());
    std::vector<mx::array> pieces;
    for (std::size_t begin = 0; begin < prompt.size(); begin += static_cast<std::size_t>(chunk)) {
      const std::size_t end = std::min(prompt.size(), begin + static_cast<std::size_t>(chunk));
      const std::vector<int> part(
          prompt.begin() + static_cast<long>(begin), prompt.begin() + static_cast<long>(end));
      pieces.push_back(step(*model_, {part}, {&cache}));
    }
    EXPECT_EQ(cache.length(), static_cast<int>(prompt.size()));
    EXPECT_TRUE(same_bits(mx::concatenate(pieces, 0), whole)) << "chunks of " << chunk;
  }
}

TEST_P(Families, ASequenceIsTheSameAloneAndInABatch) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "the CPU kernels' promise";
  }
  const std::vector<int>& prompt = inputs_[0];
  const std::vector<int> other(inputs_[1].begin(), inputs_[1].begin() + 9);
  KvCache first(model_->config());
  KvCache second(model_->config());
  const mx::array both = step(*model_, {prompt, other}, {&first, &second});
  const int cut = static_cast<int>(prompt.size());
  EXPECT_TRUE(same_bits(rows(both, 0, cut), forward(*model_, prompt)));
  EXPECT_TRUE(same_bits(rows(both, cut, both.shape(0)), forward(*model_, other)));

  // One decode step of both, of different lengths.
  const mx::array next = step(*model_, {{7}, {8}}, {&first, &second});
  std::vector<int> longer = other;
  longer.push_back(8);
  const mx::array alone = forward(*model_, longer);
  EXPECT_TRUE(same_bits(rows(next, 1, 2), rows(alone, alone.shape(0) - 1, alone.shape(0))));
}

TEST_P(Families, RowsWithoutAnAdapterAreTheBases) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "the CPU kernels' promise";
  }
  const nn::LoraAdapter adapter = case_.adapter(factors());
  auto doubled = factors();
  for (mx::array& factor : doubled) {
    factor = mx::multiply(factor, mx::array(2.0F));
  }
  const nn::LoraAdapter another = case_.adapter(doubled);
  const std::vector<int>& prompt = inputs_[0];
  const std::vector<int> other(inputs_[1].begin(), inputs_[1].begin() + 4);
  const std::vector<int> third(inputs_[1].begin() + 4, inputs_[1].begin() + 6);
  KvCache a(model_->config());
  KvCache b(model_->config());
  KvCache c(model_->config());
  const int cut = static_cast<int>(prompt.size());
  const std::vector<nn::AdapterSpan> spans{{&adapter, 0, cut}, {&another, cut + 4, cut + 6}};
  const mx::array logits = step(*model_, {prompt, other, third}, {&a, &b, &c}, spans);

  EXPECT_TRUE(same_bits(rows(logits, cut, cut + 4), forward(*model_, other)));
  const std::vector<nn::AdapterSpan> alone{{&adapter, 0, cut}};
  EXPECT_TRUE(same_bits(rows(logits, 0, cut), forward(*model_, prompt, alone)));
  const std::vector<nn::AdapterSpan> alone_third{{&another, 0, 2}};
  EXPECT_TRUE(same_bits(rows(logits, cut + 4, cut + 6), forward(*model_, third, alone_third)));
  EXPECT_GT(relative_error(rows(logits, 0, cut), forward(*model_, prompt)), 0.01F);
}

TEST_P(Families, TrainingAttentionEqualsServingAttention) {
  const mx::array logits =
      model_->logits(model_->hidden(tokens_of(joined(inputs_)), training_attend(), {}), {});
  const int length = static_cast<int>(inputs_[0].size());
  // On a GPU MLX multiplies few rows by other kernels than many.
  const float tolerance = tensor::default_device_is_gpu() ? 5e-3F : 1e-5F;
  for (int i = 0; i < static_cast<int>(inputs_.size()); ++i) {
    const mx::array served = forward(*model_, inputs_[static_cast<std::size_t>(i)]);
    EXPECT_LT(relative_error(rows(logits, i * length, (i + 1) * length), served), tolerance);
  }
}

TEST_P(Families, TheTensorCheckKnowsEveryTensor) {
  const test::TempDir folder;
  case_.write_model(folder.path());
  EXPECT_NO_THROW(model_config::check_model_folder(folder.path()));
  for (const auto& [name, whole] : case_.tensors()) {
    auto others = case_.tensors();
    others.erase(name);
    others.insert({"nobody.weight", whole});
    test::write_model(folder.path(), case_.config(), others);
    const auto problems = model_config::tensor_problems(
        model_->config(), model_config::read_weight_files(folder.path()));
    const auto text = ::testing::PrintToString(problems);
    const std::string module = name.substr(0, name.rfind('.'));
    EXPECT_THAT(text, ::testing::HasSubstr(module)) << "without " << name;
    EXPECT_THAT(text, ::testing::HasSubstr("unused: nobody.weight"));
    EXPECT_THROW(static_cast<void>(load_model(folder.path())), base::Error) << "without " << name;
  }
}

TEST_P(Families, LayerShapesAreTheModels) {
  std::multiset<std::string> described;
  for (int layer = 0; layer < model_->config().num_hidden_layers; ++layer) {
    for (const auto& linear : model_config::layer_shape(model_->config(), layer).linears) {
      described.insert(
          fmt::format(
              "model.layers.{}.{} {} {} {}",
              layer,
              linear.name,
              linear.experts,
              linear.out,
              linear.in));
    }
  }
  std::multiset<std::string> actual;
  for (const Adaptable& module : adaptables(*model_)) {
    if (module.place().layer) {
      actual.insert(
          fmt::format("{} {} {} {}", module.path(), module.experts(), module.out(), module.in()));
    }
  }
  EXPECT_EQ(actual, described);
}

// What load_adapter() takes, the check of a folder takes, and the other way round.
TEST_P(Families, AnAdapterSurvivesItsFolder) {
  const test::TempDir folder;
  const nn::LoraAdapter adapter = case_.adapter(factors());
  save_adapter(folder.path(), adapter, *model_, base::Json::object());
  EXPECT_NO_THROW(model_config::check_adapter_folder(folder.path(), model_->config(), ""));
  const nn::LoraAdapter loaded = load_adapter(folder.path(), *model_);
  ASSERT_EQ(loaded.layers.size(), adapter.layers.size());
  for (const auto& [path, weights] : adapter.layers) {
    EXPECT_TRUE(same_bits(loaded.layers.at(path).a, weights.a)) << path;
    EXPECT_TRUE(same_bits(loaded.layers.at(path).b, weights.b)) << path;
  }
}

// Two folders whose config.json differ in a field that changes results must differ in digest.
TEST_P(Families, FieldsThatChangeResultsAreInTheDigest) {
  const std::string whole = model_config::canonical_config(model_->config());
  for (const auto& [key, value] : case_.config().items()) {
    if (!value.is_number() || value == 0) {
      continue;
    }
    base::Json changed = case_.config();
    changed[key] = value.is_number_float() ? base::Json(value.get<double>() * 2)
                                           : base::Json(value.get<int>() * 2);
    try {
      const auto config = model_config::ModelConfig::from_json(changed);
      EXPECT_NE(model_config::canonical_config(config), whole) << key;
    } catch (const base::Error&) {
      continue;  // the field contradicts another then
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Families, ::testing::ValuesIn(FamilyCase::names()), [](const auto& each) {
      return each.param;
    });

}  // namespace
}  // namespace hub::models
