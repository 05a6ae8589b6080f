#include "core/gguf/gguf_file.h"

#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/storage.h"

namespace hub::gguf {
namespace {

using base::ErrorCode;
using test::GgufBuilder;
using test::Thrown;
using testing::HasSubstr;

class GgufFileTest : public testing::Test {
 protected:
  Thrown opened(const std::string& bytes) {
    return test::thrown_by([&] { const GgufFile file(folder_.write("x.gguf", bytes)); });
  }
  test::TempDir folder_;
};

TEST_F(GgufFileTest, ReadsFieldsAndTensors) {
  const GgufFile file(folder_.write("x.gguf", test::tiny_gguf().build()));
  EXPECT_EQ(file.text("general.architecture"), "llama");
  EXPECT_EQ(file.integer("llama.context_length"), 64);
  EXPECT_EQ(file.number("llama.attention.layer_norm_rms_epsilon"), 1e-5);
  EXPECT_EQ(file.texts("tokenizer.ggml.tokens").at(4), "ab");
  EXPECT_EQ(file.integers("tokenizer.ggml.token_type").front(), 3);
  const TensorInfo* tensor = file.find_tensor("blk.0.attn_k.weight");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->shape, (std::vector<std::uint64_t>{16, 32}));
  std::vector<std::uint8_t> bytes(8);
  file.read(*tensor, 4, bytes);
  float value = 0;
  std::memcpy(&value, bytes.data(), sizeof(value));
  EXPECT_EQ(value, 1.0F / 64.0F - 1.0F);
  EXPECT_EQ(file.find("nothing"), nullptr);
  EXPECT_THAT(
      test::thrown_by([&] { static_cast<void>(file.integer("general.architecture")); }).message,
      HasSubstr("general.architecture must be an integer"));
  EXPECT_THAT(
      test::thrown_by([&] { static_cast<void>(file.texts("nothing")); }).message,
      HasSubstr("nothing is missing"));
}

TEST_F(GgufFileTest, EveryTruncationIsAnError) {
  const std::string bytes = test::tiny_gguf().build();
  for (std::size_t size = 0; size < bytes.size() - 32; size += size < 2000 ? 7 : 997) {
    const Thrown thrown = opened(bytes.substr(0, size));
    EXPECT_EQ(thrown.code, ErrorCode::kUnprocessable) << size << ": " << thrown.message;
  }
}

TEST_F(GgufFileTest, WhatTheHeaderClaimsIsNotBelieved) {
  const auto claim = [this](const std::string& bytes) { return opened(bytes).message; };
  const std::string head = "GGUF" + GgufBuilder::raw<std::uint32_t>(3);
  const auto counts = [&](std::uint64_t tensors, std::uint64_t fields) {
    return head + GgufBuilder::raw(tensors) + GgufBuilder::raw(fields);
  };
  EXPECT_THAT(claim("not a gguf file"), HasSubstr("no GGUF file"));
  EXPECT_THAT(claim(test::tiny_gguf().build(1)), HasSubstr("version 1 is not read"));
  EXPECT_THAT(claim(counts(1ULL << 60U, 0)), HasSubstr("1152921504606846976 tensors"));
  EXPECT_THAT(claim(counts(0, 1ULL << 60U)), HasSubstr("fields are claimed"));
  // A name, a text and a list that are longer than the file.
  EXPECT_THAT(
      claim(counts(0, 1) + GgufBuilder::raw<std::uint64_t>(1ULL << 50U)),
      HasSubstr("a field's name claims 1125899906842624 bytes"));
  EXPECT_THAT(
      claim(GgufBuilder().field("k", 8, GgufBuilder::raw<std::uint64_t>(1ULL << 40U)).build()),
      HasSubstr("field k claims"));
  EXPECT_THAT(
      claim(
          GgufBuilder()
              .field(
                  "k",
                  9,
                  GgufBuilder::raw<std::uint32_t>(8) + GgufBuilder::raw<std::uint64_t>(1ULL << 60U))
              .build()),
      HasSubstr("array k claims"));
  EXPECT_THAT(
      claim(
          GgufBuilder().field("k", 9, GgufBuilder::raw<std::uint32_t>(9)).build() +
          std::string(64, '\0')),
      HasSubstr("elements of the type 9"));
  EXPECT_THAT(claim(GgufBuilder().field("k", 77, "").build()), HasSubstr("unknown type 77"));
  EXPECT_THAT(
      claim(GgufBuilder().integer("k", 1).integer("k", 2).build()), HasSubstr("there twice"));
  EXPECT_THAT(
      claim(GgufBuilder().integer("general.alignment", 33).build()), HasSubstr("alignment is 33"));
}

TEST_F(GgufFileTest, TensorsLieInsideTheFile) {
  const auto one = [this](const std::vector<std::uint64_t>& shape, std::uint32_t type) {
    return opened(GgufBuilder().tensor("t", shape, type, std::string(64, 'x')).build()).message;
  };
  EXPECT_THAT(one({1000, 1000}, 0), HasSubstr("truncated"));
  EXPECT_THAT(one({1ULL << 40U, 1ULL << 40U}, 0), HasSubstr("impossible dimension"));
  EXPECT_THAT(one({0}, 0), HasSubstr("impossible dimension"));
  EXPECT_THAT(one({}, 0), HasSubstr("0 dimensions"));
  EXPECT_THAT(one({1, 1, 1, 1, 1}, 0), HasSubstr("5 dimensions"));
  EXPECT_THAT(one({16}, 99), HasSubstr("the type 99"));
  EXPECT_THAT(one({33, 1}, 2), HasSubstr("blocks of 32"));
  const std::string twice = GgufBuilder()
                                .tensor("t", {4}, 0, std::string(16, 'x'))
                                .tensor("t", {4}, 0, std::string(16, 'x'))
                                .build();
  EXPECT_THAT(opened(twice).message, HasSubstr("tensor t is there twice"));
}

// Whatever bytes stand where, it is one of our errors or a file.
TEST_F(GgufFileTest, FlippedBytesNeverCrash) {
  const std::string good = test::tiny_gguf().build();
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    std::string bytes = good;
    for (int i = 0; i < 3; ++i) {
      bytes[random() % 1800] = static_cast<char>(random());
    }
    const Thrown thrown = opened(bytes);
    EXPECT_TRUE(thrown.code == ErrorCode::kUnprocessable || thrown.message == "nothing was thrown")
        << thrown.message;
  }
}

TEST_F(GgufFileTest, AnAbsentFileAndAFolderAreTold) {
  EXPECT_EQ(
      test::thrown_by([&] { const GgufFile file(folder_.path() / "none"); }).code,
      ErrorCode::kNotFound);
  EXPECT_EQ(
      test::thrown_by([&] { const GgufFile file(folder_.path()); }).code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace hub::gguf
