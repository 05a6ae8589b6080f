#include "core/model_config/safetensors_header.h"

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/model_config/safetensors_text.h"

namespace hub::model_config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kTwoTensors = R"({"__metadata__":{"format":"mlx"},
  "b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},
  "a":{"dtype":"U8","shape":[],"data_offsets":[8,9]}})";

// The message with which a file of these bytes is refused.
std::string refusal(const std::string& bytes) {
  const test::TempDir folder;
  const auto file = folder.write("model.safetensors", bytes);
  try {
    SafetensorsHeader::read(file);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
    EXPECT_THAT(error.what(), HasSubstr("model.safetensors"));
    return error.what();
  }
  return "accepted";
}

std::string refusal(const std::string& header, const std::string& data) {
  return refusal(safetensors_bytes(header, data));
}

TEST(SafetensorsHeader, ReadsNamesTypesShapesAndPlaces) {
  const test::TempDir folder;
  const auto file =
      folder.write("m.safetensors", safetensors_bytes(kTwoTensors, std::string(9, 'x')));
  const SafetensorsHeader header = SafetensorsHeader::read(file);
  ASSERT_EQ(header.tensors.size(), 2U);
  EXPECT_EQ(header.tensors[0].name, "a");
  EXPECT_EQ(header.tensors[0].bytes(), 1U);
  EXPECT_THAT(header.tensors[1].shape, ElementsAre(2, 1));
  EXPECT_EQ(header.tensors[1].describe(), "[2, 1] F32");
  EXPECT_EQ(header.tensors[1].begin, header.header_bytes);
  EXPECT_EQ(header.tensors[0].end, std::filesystem::file_size(file));
  EXPECT_EQ(header.metadata.at("format"), "mlx");
  EXPECT_EQ(header.find("b"), &header.tensors[1]);
  EXPECT_EQ(header.find("c"), nullptr);
}

TEST(SafetensorsHeader, NumbersBeyondDoublesAreRefused) {
  EXPECT_THAT(
      refusal(R"({"a":{"dtype":"U8","shape":[1e999],"data_offsets":[0,1]}})", "x"),
      HasSubstr("double precision"));
}

TEST(SafetensorsHeader, MetadataMayBeNull) {
  const test::TempDir folder;
  const auto file = folder.write(
      "m.safetensors",
      safetensors_bytes(
          R"({"__metadata__":null,"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x"));
  EXPECT_EQ(SafetensorsHeader::read(file).tensors.size(), 1U);
}

TEST(SafetensorsHeader, ATruncatedFileIsRefused) {
  EXPECT_THAT(refusal(""), HasSubstr("too short"));
  EXPECT_THAT(refusal("1234567"), HasSubstr("too short"));
  EXPECT_THAT(refusal(safetensors_bytes(kTwoTensors, "").substr(0, 40)), HasSubstr("truncated"));
  EXPECT_THAT(refusal(kTwoTensors, "12345678"), HasSubstr("tensor 'a'"));
}

TEST(SafetensorsHeader, WhatIsNoSafetensorsIsRefused) {
  EXPECT_THAT(refusal("this is a text file, not a model"), HasSubstr("no safetensors file"));
  EXPECT_THAT(refusal("{nonsense", ""), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal("[1]", ""), HasSubstr("no JSON object"));
}

TEST(SafetensorsHeader, ContradictionsInTheHeaderAreRefused) {
  const auto one = [](const std::string& entry, const std::string& data = "12345678") {
    return refusal("{\"t\":" + entry + "}", data);
  };
  EXPECT_THAT(one(R"({"dtype":"F33","shape":[2],"data_offsets":[0,8]})"), HasSubstr("'F33'"));
  EXPECT_THAT(
      one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"), HasSubstr("needs 12 bytes"));
  EXPECT_THAT(
      one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), HasSubstr("a dimension"));
  EXPECT_THAT(
      one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), HasSubstr("bytes 8 to 0"));
  EXPECT_THAT(one(R"({"dtype":"F32","shape":[2],"data_offsets":[-8,0]})"), HasSubstr("an offset"));
  EXPECT_THAT(one(R"({"dtype":"F32","shape":[2]})"), HasSubstr("data_offsets"));
  EXPECT_THAT(
      one(R"({"dtype":"F32","shape":[99999999999],"data_offsets":[0,8]})"),
      HasSubstr("a dimension of 99999999999"));
  EXPECT_THAT(
      one(R"({"dtype":"F32","shape":[2000000000,2000000000,2000000000],"data_offsets":[0,8]})"),
      HasSubstr("beyond 64 bits"));
  EXPECT_THAT(
      one(R"({"dtype":"U8","shape":[7],"data_offsets":[0,7]})"), HasSubstr("belong to no tensor"));
  EXPECT_THAT(one(R"({"dtype":"U8","shape":[7],"data_offsets":[1,8]})"), HasSubstr("instead of 0"));
  EXPECT_THAT(one("5"), HasSubstr("'t'"));
}

TEST(SafetensorsHeader, OverlappingTensorsAreRefused) {
  EXPECT_THAT(
      refusal(
          R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
              "b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
          "123456"),
      HasSubstr("'b' begins at byte 2"));
}

// Headers of a few megabytes that a naive reader needs gigabytes or hours for: the tests' own time
// limit (cmake/modules.cmake) ends one that does.
TEST(SafetensorsHeader, BombsAreRefused) {
  std::string many = "{";
  for (int i = 0; i < 300'000; ++i) {
    many += fmt::format(R"("{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}},)", i);
  }
  many.back() = '}';
  EXPECT_THAT(refusal(many, ""), HasSubstr("more than 250000 tensors"));
  EXPECT_THAT(refusal(std::string(5'000'000, '['), ""), HasSubstr("header"));
  std::string deep = R"({"t":)";
  deep += std::string(1'000'000, '[');
  EXPECT_THAT(refusal(deep, ""), HasSubstr("more than a header's entry has"));
  std::string wide = R"({"t":{"dtype":"U8","shape":[1)";
  for (int i = 0; i < 1'000'000; ++i) {
    wide += ",1";
  }
  wide += R"(],"data_offsets":[0,1]}})";
  EXPECT_THAT(refusal(wide, "x"), HasSubstr("more than a header's entry has"));
  std::string metadata = R"({"__metadata__":{)";
  for (int i = 0; i < 50'000; ++i) {
    metadata += fmt::format(R"("{}":"x",)", i);
  }
  metadata.back() = '}';
  EXPECT_THAT(refusal(metadata + "}", ""), HasSubstr("more than a header's entry has"));
}

TEST(SafetensorsHeader, ATensorNamedTwiceIsRefused) {
  EXPECT_THAT(
      refusal(
          R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},
              "a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
          "x"),
      HasSubstr("'a' is named twice"));
}

TEST(SafetensorsHeader, ManyTensorsAreRead) {
  std::string header = "{";
  for (int i = 0; i < 100'000; ++i) {
    header += fmt::format(
        R"("model.layers.{0}.w":{{"dtype":"U8","shape":[1],"data_offsets":[{0},{1}]}},)", i, i + 1);
  }
  header.back() = '}';
  const test::TempDir folder;
  const auto file =
      folder.write("m.safetensors", safetensors_bytes(header, std::string(100'000, 'x')));
  EXPECT_EQ(SafetensorsHeader::read(file).tensors.size(), 100'000U);
}

TEST(SafetensorsHeader, AFileThatIsNotThere) {
  try {
    SafetensorsHeader::read("/nonexistent/m.safetensors");
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kNotFound);
  }
}

}  // namespace
}  // namespace hub::model_config
