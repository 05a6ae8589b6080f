#include "core/model_config/quantization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/support/small_model.h"

namespace hub::model_config {
namespace {

using testing::HasSubstr;

TEST(Quantization, SaysWhatMlxPacks) {
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const int group : {32, 64, 128}) {
      EXPECT_EQ(quantization_problem({group, bits, "affine"}), "") << bits << " " << group;
    }
  }
  EXPECT_THAT(quantization_problem({64, 7, "affine"}), HasSubstr("and 7 bits"));
  EXPECT_THAT(quantization_problem({16, 4, "affine"}), HasSubstr("group_size 16"));
  EXPECT_EQ(quantization_problem({32, 4, "mxfp4"}), "");
  EXPECT_EQ(quantization_problem({16, 4, "nvfp4"}), "");
  EXPECT_EQ(quantization_problem({32, 8, "mxfp8"}), "");
  EXPECT_THAT(
      quantization_problem({64, 4, "mxfp4"}), HasSubstr("takes group_size 32 and 4 bits only"));
  EXPECT_THAT(quantization_problem({32, 4, "mxfp8"}), HasSubstr("8 bits only"));
  EXPECT_THAT(quantization_problem({64, 4, "gptq"}), HasSubstr("affine, mxfp4, nvfp4, mxfp8"));
}

TEST(Quantization, EachModeHasItsDefaults) {
  for (const std::string_view mode : quantization_modes()) {
    const Quantization own = default_quantization(std::string(mode));
    EXPECT_EQ(own.mode, mode);
    EXPECT_EQ(quantization_problem(own), "");
  }
  EXPECT_THROW(default_quantization("awq"), base::Error);
}

class Packing : public testing::Test {
 protected:
  ModelConfig config(const char* quantization) {
    base::Json json = test::small_config();
    json["quantization"] = base::Json::parse(quantization);
    return ModelConfig::from_json(json);
  }
  static TensorInfo tensor(std::vector<std::int64_t> shape, const char* dtype) {
    TensorInfo info;
    info.shape = std::move(shape);
    info.dtype = dtype;
    return info;
  }
};

TEST_F(Packing, TheTensorsDecideWhereConfigNamesNoPath) {
  const auto four = config(R"({"group_size":64,"bits":4})");
  const TensorInfo weight = tensor({8, 16}, "U32");  // 8 bits of 64 columns
  const TensorInfo scales = tensor({8, 2}, "F16");
  const auto found = packing_of(four, "a", &weight, scales, 64);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->bits, 8);
  EXPECT_EQ(found->group_size, 32);
  EXPECT_EQ(found->mode, "affine");
  const auto bytes = packing_of(four, "a", &weight, tensor({8, 2}, "U8"), 64);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->mode, "mxfp8");
}

TEST_F(Packing, ConfigDecidesWhereItNamesThePath) {
  const auto named = config(
      R"({"group_size":64,"bits":4,"a":{"group_size":32,"bits":8,"mode":"mxfp8"},"b":false})");
  const TensorInfo weight = tensor({8, 16}, "U32");
  const TensorInfo scales = tensor({8, 2}, "U8");
  EXPECT_EQ(packing_of(named, "a", &weight, scales, 64)->mode, "mxfp8");
  EXPECT_FALSE(packing_of(named, "b", &weight, scales, 64));
  EXPECT_FALSE(packing_of(named, "a", &weight, scales, 48)) << "no whole groups";
}

TEST_F(Packing, ModesThatMlxLacksAreRefusedWithConfig) {
  for (const char* text :
       {R"({"group_size":64,"bits":4,"mode":"mxfp4"})",
        R"({"group_size":64,"bits":7})",
        R"({"group_size":64,"bits":4,"mode":"gguf"})"}) {
    try {
      config(text);
      ADD_FAILURE() << text;
    } catch (const base::Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("quantization.mode")) << text;
    }
  }
}

}  // namespace
}  // namespace hub::model_config
