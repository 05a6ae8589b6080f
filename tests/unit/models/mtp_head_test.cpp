#include "core/models/mtp_head.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mlx/fast.h>
#include <mlx/random.h>

#include "core/base/error.h"
#include "tests/unit/models/forward.h"
#include "tests/unit/models/mtp_case.h"

namespace hub::models {
namespace {

// The head by MLX's operations alone, over all rows at once.
class Reference {
 public:
  explicit Reference(const MtpCase& from) : case_(from) {}

  [[nodiscard]] mx::array operator()(
      const std::vector<int>& tokens, const mx::array& hidden) const {
    const mx::array embedded = mx::take(get("model.embed_tokens"), tokens_of(tokens), 0);
    const mx::array both = mx::concatenate(
        {norm("mtp.pre_fc_norm_embedding", embedded), norm("mtp.pre_fc_norm_hidden", hidden)}, 1);
    const mx::array x = linear("mtp.fc", both);
    const mx::array h = mx::add(x, attention(norm("mtp.layers.0.input_layernorm", x)));
    const mx::array y = norm("mtp.layers.0.post_attention_layernorm", h);
    const mx::array gate = linear("mtp.layers.0.mlp.gate_proj", y);
    const mx::array inner =
        mx::multiply(mx::multiply(gate, mx::sigmoid(gate)), linear("mtp.layers.0.mlp.up_proj", y));
    return norm("mtp.norm", mx::add(h, linear("mtp.layers.0.mlp.down_proj", inner)));
  }

 private:
  [[nodiscard]] int size(const char* key) const { return case_.config.at(key).get<int>(); }
  [[nodiscard]] mx::array get(const std::string& path) const {
    return case_.tensors.at(path + ".weight");
  }
  [[nodiscard]] mx::array linear(const std::string& path, const mx::array& x) const {
    return mx::matmul(x, mx::transpose(get(path)));
  }
  [[nodiscard]] mx::array norm(const std::string& path, const mx::array& x) const {
    const mx::array squares = mx::mean(mx::square(x), -1, true);
    const mx::array scale = mx::rsqrt(mx::add(squares, mx::array(1e-5F)));
    return mx::multiply(mx::multiply(x, scale), get(path));
  }
  // [heads, rows, head_dim], normed and rotated
  [[nodiscard]] mx::array rotated(const char* norm_name, const mx::array& x) const {
    const std::string path = std::string("mtp.layers.0.self_attn.") + norm_name;
    const mx::array by_head = mx::transpose(norm(path, x), {1, 0, 2});
    return mx::squeeze(
        mx::fast::rope(
            mx::expand_dims(by_head, 0), size("head_dim") / 2, false, 100000.0F, 1.0F, 0),
        0);
  }
  [[nodiscard]] mx::array attention(const mx::array& x) const {
    const std::string path = "mtp.layers.0.self_attn.";
    const int rows = x.shape(0);
    const int width = size("head_dim");
    const int heads = size("num_attention_heads");
    const int groups = heads / size("num_key_value_heads");
    const auto split =
        mx::split(mx::reshape(linear(path + "q_proj", x), {rows, heads, 2 * width}), 2, 2);
    const auto keys_of = [&](const char* name) {
      return mx::reshape(linear(path + name, x), {rows, heads / groups, width});
    };
    const mx::array q = rotated("q_norm", split[0]);
    const mx::array k = mx::repeat(rotated("k_norm", keys_of("k_proj")), groups, 0);
    const mx::array v = mx::repeat(mx::transpose(keys_of("v_proj"), {1, 0, 2}), groups, 0);
    const mx::array scores = mx::multiply(
        mx::matmul(q, mx::swapaxes(k, 1, 2)),
        mx::array(1.0F / std::sqrt(static_cast<float>(width))));
    const mx::array mask = mx::where(
        mx::tri(rows, rows, 0, mx::bool_),
        mx::array(0.0F),
        mx::array(-std::numeric_limits<float>::infinity()));
    const mx::array mixed = mx::matmul(mx::softmax(mx::add(scores, mask), -1), v);
    const mx::array gated = mx::multiply(
        mx::reshape(mx::transpose(mixed, {1, 0, 2}), {rows, heads * width}),
        mx::sigmoid(mx::reshape(split[1], {rows, heads * width})));
    return linear(path + "o_proj", gated);
  }

  const MtpCase& case_;
};

// The head's rows, in steps of so many.
mx::array rows_of_head(
    const LanguageModel& model,
    const std::vector<int>& tokens,
    const mx::array& hidden,
    const std::vector<int>& steps) {
  const MtpHead& head = *model.mtp_head();
  KvCache cache(head.config());
  std::vector<mx::array> out;
  int done = 0;
  for (const int count : steps) {
    cache.reserve(count);
    const std::vector<SequenceRows> one{{&cache, count}};
    const std::vector<int> own(tokens.begin() + done, tokens.begin() + done + count);
    out.push_back(head(
        (*model.embedding())(tokens_of(own)),
        rows(hidden, done, done + count),
        cached_attend(head.attention(), one)));
    std::vector<mx::array> wanted = cache.arrays();
    wanted.push_back(out.back());
    mx::eval(wanted);
    cache.advance(count);
    done += count;
  }
  return mx::concatenate(out, 0);
}

std::string refusal(const MtpCase& model) {
  try {
    static_cast<void>(model.load());
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

TEST(MtpHead, IsItsFormula) {
  const MtpCase made;
  const auto model = made.load();
  ASSERT_NE(model->mtp_head(), nullptr);
  const std::vector<int> tokens{3, 1, 4, 1, 5, 9, 2, 6, 5};
  const mx::array hidden = mx::random::normal({9, 32}, mx::float32, 0.0F, 1.0F, mx::random::key(4));
  const mx::array whole = rows_of_head(*model, tokens, hidden, {9});
  EXPECT_LE(relative_error(whole, Reference(made)(tokens, hidden)), 1e-5F);
  EXPECT_TRUE(same_bits(rows_of_head(*model, tokens, hidden, {1, 5, 2, 1}), whole));
}

TEST(MtpHead, ItsNormsMayBeAsPublished) {
  const MtpCase made;
  MtpCase published;
  for (auto& [name, tensor] : published.tensors) {
    const bool is_offset =
        name.ends_with("norm.weight") && !name.ends_with("linear_attn.norm.weight");
    const bool is_embedding_norm =
        name.ends_with("norm_embedding.weight") || name.ends_with("norm_hidden.weight");
    if (is_offset || is_embedding_norm) {
      tensor = mx::subtract(tensor, mx::array(1.0F));
    } else if (name.ends_with("conv1d.weight")) {
      tensor = mx::contiguous(mx::swapaxes(tensor, 1, 2));
    }
  }
  const std::vector<int> tokens{3, 1, 4, 1, 5};
  const mx::array hidden = mx::random::normal({5, 32}, mx::float32, 0.0F, 1.0F, mx::random::key(4));
  EXPECT_LE(
      relative_error(
          rows_of_head(*published.load(), tokens, hidden, {5}), Reference(made)(tokens, hidden)),
      1e-5F);
}

TEST(MtpHead, IsLoadedWhereItIsAskedForAndThere) {
  const MtpCase made;
  const auto with = made.load();
  const auto without = made.load(false);
  EXPECT_EQ(without->mtp_head(), nullptr);
  EXPECT_GT(with->mtp_head()->weight_bytes(), 0U);
  EXPECT_EQ(with->weight_bytes(), without->weight_bytes() + with->mtp_head()->weight_bytes());
  EXPECT_EQ(with->linears().size(), without->linears().size()) << "no adapter is for it";

  MtpCase none;
  std::erase_if(none.tensors, [](const auto& each) { return each.first.starts_with("mtp."); });
  EXPECT_EQ(none.load()->mtp_head(), nullptr);
  for (const int layers : {0, 2}) {
    MtpCase other;
    other.config["mtp_num_hidden_layers"] = layers;
    EXPECT_EQ(other.load()->mtp_head(), nullptr) << layers;
  }
}

TEST(MtpHead, MayBePackedAndInAFolderWithOtherParts) {
  MtpCase packed;
  packed.config["quantization"] = {{"group_size", 32}, {"bits", 8}};
  test::TinyTensors made(packed.config, 5);
  made.matrix("mtp.fc", 32, 64);
  for (const auto& [name, tensor] : made.tensors) {
    packed.tensors.insert_or_assign(name, tensor);
  }
  const MtpCase dense;
  ASSERT_NE(packed.load()->mtp_head(), nullptr);
  EXPECT_LT(packed.load()->mtp_head()->weight_bytes(), dense.load()->mtp_head()->weight_bytes());

  MtpCase whole;
  base::Json inner = std::exchange(whole.config, base::Json::object());
  whole.config = {{"model_type", "qwen3_5"}, {"text_config", inner}};
  test::Tensors renamed;
  for (const auto& [name, tensor] : whole.tensors) {
    const bool is_model = name.starts_with("model.");
    renamed.insert({is_model ? "model.language_model." + name.substr(6) : name, tensor});
  }
  whole.tensors = renamed;
  EXPECT_NE(whole.load()->mtp_head(), nullptr);
}

TEST(MtpHead, WhatIsMissingOrMisshapenIsNamed) {
  MtpCase missing;
  missing.tensors.erase("mtp.norm.weight");
  missing.tensors.erase("mtp.layers.0.self_attn.q_proj.weight");
  EXPECT_THAT(
      refusal(missing),
      testing::AllOf(
          testing::HasSubstr("missing: mtp.norm.weight [32]"),
          testing::HasSubstr("missing: mtp.layers.0.self_attn.q_proj.weight [64, 32]")));
  MtpCase misshapen;
  misshapen.tensors.at("mtp.fc.weight") = mx::zeros({32, 32});
  EXPECT_THAT(
      refusal(misshapen),
      testing::HasSubstr("mtp.fc.weight is [32, 32] F32, wanted [32, 64] of floats"));
  EXPECT_NO_THROW(static_cast<void>(misshapen.load(false))) << "as mlx-lm, which drops it";
}

}  // namespace
}  // namespace hub::models
