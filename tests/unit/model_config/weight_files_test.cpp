#include "core/model_config/weight_files.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/model_config/safetensors_text.h"

namespace hub::model_config {
namespace {

using ::testing::HasSubstr;

class WeightFiles : public ::testing::Test {
 protected:
  WeightFiles() {
    write(
        "model.safetensors",
        safetensors_bytes(
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
                "b":{"dtype":"U8","shape":[1,1],"data_offsets":[2,3]}})",
            "xyz"));
  }
  void write(const std::string& name, const std::string& bytes) {
    static_cast<void>(folder_.write(name, bytes));
  }

  test::TempDir folder_;
};

std::string refusal(const std::filesystem::path& folder) {
  try {
    read_weight_files(folder);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
    return error.what();
  }
  return "accepted";
}

TEST_F(WeightFiles, FollowTheIndex) {
  write(
      "model-2.safetensors",
      safetensors_bytes(R"({"c":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "z"));
  write(
      "model.safetensors.index.json",
      R"({"weight_map":{"a":"model.safetensors","b":"model.safetensors","c":"model-2.safetensors"}})");
  const auto files = read_weight_files(folder_.path());
  EXPECT_EQ(files.size(), 2U);
  EXPECT_EQ(tensor_bytes(files), 4U);
  EXPECT_EQ(tensors_by_name(files).at(2).first->name, "c");
}

TEST_F(WeightFiles, HalfWeightsWidenWhenLoaded) {
  write(
      "model.safetensors",
      safetensors_bytes(
          R"({"a.weight":{"dtype":"U32","shape":[1],"data_offsets":[0,4]},
              "a.scales":{"dtype":"F16","shape":[1],"data_offsets":[4,6]},
              "b.scales":{"dtype":"BF16","shape":[1],"data_offsets":[6,8]},
              "b.weight":{"dtype":"F16","shape":[1],"data_offsets":[8,10]}})",
          "0123456789"));
  const auto files = read_weight_files(folder_.path());
  EXPECT_EQ(tensor_bytes(files), 10U);
  EXPECT_EQ(loaded_bytes(files), 4U + 2U + 4U + 4U);
  EXPECT_EQ(loaded_bytes(files, "a."), 4U + 2U);
}

TEST_F(WeightFiles, WhatTheIndexPromisesMustBeThere) {
  write(
      "model.safetensors.index.json",
      R"({"weight_map":{"a":"model.safetensors","c":"model-2.safetensors"}})");
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("model-2.safetensors is missing"));
  write(
      "model.safetensors.index.json",
      R"({"weight_map":{"a":"model.safetensors","c":"model.safetensors"}})");
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("'c' is not in model.safetensors"));
  write("model.safetensors.index.json", R"({"weight_map":{"a":"../model.safetensors"}})");
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("plain file name"));
  write("model.safetensors.index.json", R"({})");
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("weight_map"));
}

TEST_F(WeightFiles, TheSameNameTwiceIsRefused) {
  write(
      "model-2.safetensors",
      safetensors_bytes(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "z"));
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("'a' is in"));
}

TEST_F(WeightFiles, EveryCorruptShardIsNamed) {
  write("model-2.safetensors", "x");
  write("model-3.safetensors", "y");
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("model-2.safetensors"));
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("model-3.safetensors"));
  const test::TempDir empty;
  EXPECT_THAT(refusal(empty.path()), HasSubstr("no model*.safetensors"));
}

}  // namespace
}  // namespace hub::model_config
