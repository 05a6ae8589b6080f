#include "core/models/weights.h"

#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/models/language_model.h"
#include "core/tensor/ops.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace hub::models {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Loading : public ::testing::Test {
 protected:
  void write() { test::write_model(folder_.path(), config_, tensors_); }
  // The message with which load_model() refuses the folder.
  std::string refusal() {
    try {
      load_model(folder_.path());
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
      return error.what();
    }
    return "accepted";
  }
  std::string refusal_of_tensors() {
    write();
    return refusal();
  }

  test::TempDir folder_;
  base::Json config_ = test::tiny_config();
  test::Tensors tensors_ = test::tiny_tensors(config_);
  std::filesystem::path file_ = folder_.path() / "model.safetensors";
};

TEST_F(Loading, CountsBytesAsTheyLieInMemory) {
  write();
  std::uint64_t expected = 0;
  for (const auto& [name, value] : tensors_) {
    expected += value.nbytes();
  }
  // float16 scales stay as they are: the kernel takes them.
  EXPECT_EQ(load_model(folder_.path())->weight_bytes(), expected);
}

TEST_F(Loading, ActivationsInEightBitsTakeTheHeadOnceMore) {
  write();
  const auto plain = load_model(folder_.path());
  const auto refused = [&](int bits) {
    try {
      load_model(folder_.path(), {.activation_bits = bits});
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
      EXPECT_EQ(error.param(), "activation_bits");
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refused(16), HasSubstr("32 or 8 was wanted, got 16"));
  if (tensor::default_device_is_gpu()) {
    EXPECT_THAT(refused(8), HasSubstr("works on CPUs alone"));
    return;
  }
  const auto model = load_model(folder_.path(), {.activation_bits = 8});
  const nn::Embedding& table = *plain->embedding();
  EXPECT_EQ(model->weight_bytes(), plain->weight_bytes() + table.nbytes());
  EXPECT_EQ(model->embedding()->nbytes(), 2 * table.nbytes());
  const mx::array x = mx::ones({1, 64});
  for (std::size_t i = 0; i < model->linears().size(); ++i) {
    const nn::Linear& linear = *model->linears()[i];
    EXPECT_EQ(linear.out_features(), plain->linears()[i]->out_features());
    if (linear.in_features() == 64) {
      EXPECT_TRUE(
          mx::allclose(linear.project(x), plain->linears()[i]->project(x), 0.0, 1e-4).item<bool>())
          << "ones lose nothing: " << linear.path();
    }
  }
}

TEST_F(Loading, WithActivationsInEightBitsEveryMissingTensorIsNamedToo) {
  tensors_.erase("model.layers.1.mlp.up_proj.weight");
  tensors_.erase("model.layers.0.self_attn.q_proj.biases");
  tensors_.erase("model.embed_tokens.scales");
  write();
  try {
    load_model(folder_.path(), {.activation_bits = tensor::default_device_is_gpu() ? 32 : 8});
    FAIL() << "accepted";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("missing: model.layers.1.mlp.up_proj.weight"));
    EXPECT_THAT(error.what(), HasSubstr("missing: model.layers.0.self_attn.q_proj.biases [64, 2]"));
    EXPECT_THAT(error.what(), HasSubstr("model.embed_tokens.weight is "));
  }
}

TEST_F(Loading, EveryMissingTensorIsNamed) {
  tensors_.erase("model.norm.weight");
  tensors_.erase("model.layers.1.mlp.up_proj.weight");
  tensors_.erase("model.layers.0.self_attn.q_proj.biases");
  const std::string text = refusal_of_tensors();
  EXPECT_THAT(text, HasSubstr("missing: model.norm.weight [64]"));
  EXPECT_THAT(text, HasSubstr("missing: model.layers.1.mlp.up_proj.weight"));
  EXPECT_THAT(text, HasSubstr("missing: model.layers.0.self_attn.q_proj.biases [64, 2]"));
}

TEST_F(Loading, EveryUnusedTensorIsNamed) {
  tensors_.insert({"model.layers.2.mlp.up_proj.weight", mx::zeros({2})});
  tensors_.insert({"model.layers.0.self_attn.q_proj.bias", mx::zeros({64})});
  const std::string text = refusal_of_tensors();
  EXPECT_THAT(text, HasSubstr("unused: model.layers.2.mlp.up_proj.weight"));
  EXPECT_THAT(text, HasSubstr("unused: model.layers.0.self_attn.q_proj.bias"));
}

TEST_F(Loading, EveryMisshapedTensorIsNamed) {
  tensors_.insert_or_assign("model.norm.weight", mx::zeros({63}));
  tensors_.insert_or_assign("model.layers.0.mlp.up_proj.weight", mx::zeros({96, 9}, mx::uint32));
  tensors_.insert_or_assign("model.layers.1.mlp.up_proj.weight", mx::zeros({96, 8}, mx::int32));
  tensors_.insert_or_assign("model.layers.1.input_layernorm.weight", mx::zeros({64}, mx::int32));
  const std::string text = refusal_of_tensors();
  EXPECT_THAT(text, HasSubstr("model.norm.weight is [63] F32, wanted [64]"));
  EXPECT_THAT(text, HasSubstr("model.layers.0.mlp.up_proj"));
  EXPECT_THAT(text, HasSubstr("model.layers.1.mlp.up_proj.weight is [96, 8] I32, wanted"));
  EXPECT_THAT(text, HasSubstr("model.layers.1.input_layernorm.weight is [64] I32"));
  EXPECT_THAT(text, Not(HasSubstr("unused")));
}

TEST_F(Loading, QuantizationThatConfigDoesNotAllowIsNamed) {
  config_.erase("quantization");
  EXPECT_THAT(refusal_of_tensors(), HasSubstr("model.layers.0.self_attn.q_proj.scales"));
  config_ = test::tiny_config();
  tensors_.insert_or_assign("model.layers.0.mlp.up_proj.scales", mx::zeros({96, 5}));
  EXPECT_THAT(refusal_of_tensors(), HasSubstr("model.layers.0.mlp.up_proj.scales is [96, 5] F32"));
}

// mlx-lm infers bits and group size of a path that config.json does not name.
TEST_F(Loading, TensorsSayBitsWhereConfigNamesNoPath) {
  const auto packed = tensor::quantize(mx::ones({96, 64}), 64, 8);
  const std::string path = "model.layers.0.mlp.up_proj";
  tensors_.insert_or_assign(path + ".weight", packed.weight);
  tensors_.insert_or_assign(path + ".scales", packed.scales);
  tensors_.insert_or_assign(path + ".biases", *packed.biases);
  EXPECT_EQ(refusal_of_tensors(), "accepted");
}

TEST_F(Loading, WhatMlxLmIgnoresIsIgnored) {
  tensors_.insert({"model.layers.0.self_attn.rotary_emb.inv_freq", mx::zeros({8})});
  tensors_.insert({"lm_head.weight", mx::zeros({96, 64})});
  EXPECT_EQ(refusal_of_tensors(), "accepted");
  config_["tie_word_embeddings"] = false;
  EXPECT_EQ(refusal_of_tensors(), "accepted");
  tensors_.erase("lm_head.weight");
  EXPECT_THAT(refusal_of_tensors(), HasSubstr("missing: lm_head.weight [96, 64]"));
}

TEST_F(Loading, HalfWeightsComputeInFloat32OnCpu) {
  config_.erase("quantization");
  tensors_ = test::tiny_tensors(config_);
  std::uint64_t in_memory = 0;
  for (auto& [name, value] : tensors_) {
    const mx::array half = tensor::astype(value, mx::bfloat16);
    const auto size = tensor::compute_dtype(mx::bfloat16).size();
    in_memory += half.size() * size;
    value = half;
  }
  write();
  EXPECT_EQ(load_model(folder_.path())->weight_bytes(), in_memory);
  if (!tensor::default_device_is_gpu()) {
    EXPECT_EQ(
        model_config::loaded_bytes(model_config::read_weight_files(folder_.path())), in_memory);
  }
}

TEST_F(Loading, ACorruptHeaderIsRefusedBeforeMlxSeesIt) {
  write();
  std::string bytes = base::read_file(file_);
  bytes[9] = '!';
  std::ofstream(file_, std::ios::binary) << bytes;
  EXPECT_THAT(refusal(), HasSubstr("model.safetensors"));
}

TEST_F(Loading, ATruncatedFileIsRefused) {
  write();
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) - 1);
  EXPECT_THAT(refusal(), HasSubstr("truncated or corrupt"));
  std::filesystem::resize_file(file_, 20);
  EXPECT_THAT(refusal(), HasSubstr("truncated"));
  std::filesystem::remove(file_);
  EXPECT_THAT(refusal(), HasSubstr("no model*.safetensors"));
}

TEST_F(Loading, AnotherArchitectureIsRefused) {
  config_["model_type"] = "gpt_unknown";
  EXPECT_THAT(refusal_of_tensors(), HasSubstr("gpt_unknown"));
  std::filesystem::remove(folder_.path() / "config.json");
  EXPECT_THAT(refusal(), HasSubstr("config.json"));
}

TEST_F(Loading, ShardsAreJoined) {
  write();
  test::Tensors first;
  test::Tensors second;
  base::Json index;
  for (const auto& [name, value] : tensors_) {
    const bool left = name.size() % 2 == 0;
    (left ? first : second).insert({name, value});
    index["weight_map"][name] = left ? "model-1.safetensors" : "model-2.safetensors";
  }
  std::filesystem::remove(file_);
  tensor::save_safetensors(folder_.path() / "model-1.safetensors", first);
  tensor::save_safetensors(folder_.path() / "model-2.safetensors", second);
  std::ofstream(folder_.path() / "model.safetensors.index.json") << index.dump();
  EXPECT_EQ(refusal(), "accepted");
  std::filesystem::remove(folder_.path() / "model-2.safetensors");
  EXPECT_THAT(refusal(), HasSubstr("the shard model-2.safetensors is missing"));
}

}  // namespace
}  // namespace hub::models
