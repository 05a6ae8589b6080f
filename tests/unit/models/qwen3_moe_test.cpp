#include "core/models/qwen3_moe.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/model_config/tensor_check.h"
#include "tests/unit/models/family_case.h"
#include "tests/unit/models/forward.h"

namespace hub::models {
namespace {

// As published before conversion by mlx-lm: "….mlp.experts.3.up_proj.weight".
test::Tensors unstacked(const test::Tensors& tensors) {
  const std::string stack = ".switch_mlp.";
  test::Tensors result;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t at = name.find(stack);
    for (int expert = 0; at != std::string::npos && expert < tensor.shape(0); ++expert) {
      const std::string own = fmt::format(
          "{}.experts.{}.{}", name.substr(0, at), expert, name.substr(at + stack.size()));
      result.insert({own, mx::take(tensor, expert, 0)});
    }
    if (at == std::string::npos) {
      result.insert({name, tensor});
    }
  }
  return result;
}

TEST(Qwen3Moe, ExpertsMayLieOneByOne) {
  const FamilyCase golden("qwen3_moe");
  const test::TempDir folder;
  auto tensors = unstacked(golden.tensors());
  test::write_model(folder.path(), golden.config(), tensors);
  EXPECT_NO_THROW(model_config::check_model_folder(folder.path()));
  const auto model = load_model(folder.path());
  const std::vector<int> tokens = golden.sequences("inputs")[0];
  EXPECT_TRUE(same_bits(forward(*model, tokens), forward(*golden.load(), tokens)));

  tensors.erase("model.layers.0.mlp.experts.2.up_proj.weight");
  test::write_model(folder.path(), golden.config(), tensors);
  const auto problems = model_config::tensor_problems(
      model->config(), model_config::read_weight_files(folder.path()));
  EXPECT_EQ(
      problems,
      std::vector<std::string>{"missing: model.layers.0.mlp.experts.2.up_proj.weight [16, 32]"});
  EXPECT_THROW(static_cast<void>(load_model(folder.path())), base::Error);
}

}  // namespace
}  // namespace hub::models
