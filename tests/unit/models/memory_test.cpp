// model_config/memory_estimate.cpp against what MLX's allocator says of a training step.
#include <numeric>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "core/kernels/cross_entropy.h"
#include "core/model_config/layer_shape.h"
#include "core/model_config/memory_estimate.h"
#include "core/tensor/ops.h"
#include "tests/support/default_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/unit/models/forward.h"

namespace hub::models {
namespace {

using model_config::FinetuneParams;

// An adapter in training: factors, and AdamW's two moments of each.
struct Trained {
  std::vector<std::string> paths;
  std::vector<mx::array> factors;
  std::vector<mx::array> moments;
};

Trained adapted(const LanguageModel& model, const FinetuneParams& params) {
  Trained trained;
  const auto linears = model.linears();
  const std::size_t per_layer =
      linears.size() / static_cast<std::size_t>(model.config().num_hidden_layers);
  const std::size_t first =
      params.num_layers > 0
          ? linears.size() - (static_cast<std::size_t>(params.num_layers) * per_layer)
          : 0;
  for (std::size_t i = first; i < linears.size(); ++i) {
    const nn::Linear& linear = *linears[i];
    if (params.target_modules && !linear.path().ends_with(params.target_modules->front())) {
      continue;
    }
    trained.paths.push_back(linear.path());
    trained.factors.push_back(mx::full({linear.in_features(), params.rank}, 0.01F));
    trained.factors.push_back(mx::zeros({params.rank, linear.out_features()}));
  }
  for (const mx::array& factor : trained.factors) {
    trained.moments.push_back(mx::zeros_like(factor));
    trained.moments.push_back(mx::zeros_like(factor));
  }
  mx::eval(trained.factors);
  mx::eval(trained.moments);
  return trained;
}

std::vector<mx::array> step_graph(
    const LanguageModel& model, const Trained& trained, int batch, int length, bool recompute) {
  const mx::array tokens = mx::random::randint(
      0, model.config().vocab_size, {batch * length}, mx::int32, mx::random::key(1));
  const auto loss = [&](const std::vector<mx::array>& factors) {
    nn::LoraAdapter adapter;
    adapter.recompute = recompute;
    for (std::size_t i = 0; i < trained.paths.size(); ++i) {
      adapter.layers.insert({trained.paths[i], {factors[2 * i], factors[(2 * i) + 1]}});
    }
    const std::vector<nn::AdapterSpan> spans{{&adapter, 0, batch * length}};
    const mx::array hidden = model.hidden(tokens, causal_attend(model, batch, length), spans);
    return std::vector<mx::array>{
        mx::sum(kernels::cross_entropy(model.logits(hidden, {}), tokens))};
  };
  std::vector<int> all(trained.factors.size());
  std::iota(all.begin(), all.end(), 0);
  const auto [value, gradients] = mx::value_and_grad(loss, all)(trained.factors);
  std::vector<mx::array> results = value;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const mx::array first = mx::add(trained.moments[2 * i], gradients[i]);
    const mx::array second = mx::add(trained.moments[(2 * i) + 1], mx::square(gradients[i]));
    results.push_back(mx::subtract(trained.factors[i], mx::divide(first, mx::sqrt(second))));
    results.push_back(first);
    results.push_back(second);
  }
  return results;
}

struct Case {
  int batch;
  int length;
  FinetuneParams params;
};

std::vector<Case> cases() {
  Case all{1, 128, {}};
  Case wide{4, 16, {}};
  wide.params.rank = 64;
  Case few{2, 64, {}};
  few.params.target_modules = {"self_attn.q_proj"};
  few.params.num_layers = 10;
  Case recomputing{2, 128, {}};
  recomputing.params.grad_checkpoint = true;
  return {all, wide, few, recomputing};
}

class FinetuneMemory : public ::testing::TestWithParam<std::size_t> {};

TEST_P(FinetuneMemory, EstimateIsWithin15PercentOfThePeak) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "the estimate counts float32 activations, as on a CPU";
  }
  const Case settings = cases().at(GetParam());
  const auto model = load_model(test::default_model_folder());
  const std::uint64_t others = tensor::memory().active - model->weight_bytes();
  const Trained trained = adapted(*model, settings.params);
  tensor::reset_peak_memory();
  mx::eval(step_graph(
      *model, trained, settings.batch, settings.length, settings.params.grad_checkpoint));
  const auto peak = static_cast<double>(tensor::memory().peak - others);
  const auto estimate = static_cast<double>(model_config::finetune_bytes(
      model->config(), model->weight_bytes(), settings.params, settings.batch, settings.length));
  EXPECT_NEAR(estimate / peak, 1.0, 0.15) << "estimated " << estimate << ", measured " << peak;
}

// Random weights of the shapes that model_config/layer_shape.h names.
std::unique_ptr<LanguageModel> random_model(const base::Json& json) {
  const auto config = model_config::ModelConfig::from_json(json);
  test::Tensors tensors;
  std::uint64_t seed = 1;
  const auto add = [&](const std::string& name, const std::vector<std::int64_t>& sizes) {
    const mx::Shape shape(sizes.begin(), sizes.end());
    tensors.insert(
        {name, mx::random::normal(shape, mx::float32, 0.0F, 0.05F, mx::random::key(seed++))});
  };
  const auto add_all = [&](const std::string& path, const model_config::LayerShape& shape) {
    for (const auto& linear : shape.linears) {
      add(path + linear.name + ".weight", {linear.out, linear.in});
    }
    for (const auto& tensor : shape.others) {
      add(path + tensor.name, tensor.shape);
    }
  };
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    add_all(fmt::format("model.layers.{}.", layer), model_config::layer_shape(config, layer));
  }
  add_all("", model_config::outer_shape(config));
  add("model.embed_tokens.weight", {config.vocab_size, config.hidden_size});
  add("model.norm.weight", {config.hidden_size});
  const test::TempDir folder;
  test::write_model(folder.path(), json, tensors);
  return load_model(folder.path());
}

// Families whose layers keep other activations than Llama's. The estimate decides whether a job
// starts: it may be too high by more than it may be too low.
class FamilyMemory : public ::testing::TestWithParam<const char*> {};

TEST_P(FamilyMemory, EstimateCoversThePeak) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "the estimate counts float32 activations, as on a CPU";
  }
  base::Json json = base::Json::parse(GetParam());
  json.update(base::Json::parse(R"({
    "hidden_size": 192, "intermediate_size": 384, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 48, "vocab_size": 512, "max_position_embeddings": 1024,
    "tie_word_embeddings": true})"));
  const auto model = random_model(json);
  const std::uint64_t others = tensor::memory().active - model->weight_bytes();
  const FinetuneParams params;
  const Trained trained = adapted(*model, params);
  tensor::reset_peak_memory();
  mx::eval(step_graph(*model, trained, 2, 256, false));
  const auto peak = static_cast<double>(tensor::memory().peak - others);
  const auto estimate = static_cast<double>(
      model_config::finetune_bytes(model->config(), model->weight_bytes(), params, 2, 256));
  EXPECT_GT(estimate / peak, 0.85) << "estimated " << estimate << ", measured " << peak;
  EXPECT_LT(estimate / peak, 1.4) << "estimated " << estimate << ", measured " << peak;
}

INSTANTIATE_TEST_SUITE_P(
    Families,
    FamilyMemory,
    ::testing::Values(
        R"({"model_type": "gemma4_text", "num_hidden_layers": 10, "global_head_dim": 96,
            "num_kv_shared_layers": 4, "sliding_window": 64, "hidden_size_per_layer_input": 32,
            "vocab_size_per_layer_input": 512})",
        R"({"model_type": "qwen3_5_text", "num_hidden_layers": 8, "linear_num_value_heads": 8,
            "linear_num_key_heads": 4, "linear_key_head_dim": 32, "linear_value_head_dim": 32})"),
    [](const auto& each) { return std::string(each.index == 0 ? "Gemma4" : "Qwen35"); });

INSTANTIATE_TEST_SUITE_P(Settings, FinetuneMemory, ::testing::Range<std::size_t>(0, 4));

}  // namespace
}  // namespace hub::models
