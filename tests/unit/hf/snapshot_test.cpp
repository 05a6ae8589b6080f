#include "core/hf/snapshot.h"

#include <string_view>

#include <gtest/gtest.h>

namespace hub::hf {
namespace {

TEST(SnapshotFiles, OnlyWhatAModelNeeds) {
  for (const char* name :
       {"config.json",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
        "chat_template.jinja",
        "model.safetensors.index.json",
        "modules.json",
        "sentence_bert_config.json",
        "1_Pooling/config.json",
        "LICENSE",
        "LICENSE.txt",
        "README.md"}) {
    EXPECT_TRUE(is_description(name)) << name;
  }
  for (const char* name :
       {"pytorch_model.bin",
        "model.pt",
        "modeling_x.py",
        "tokenizer.py",
        "tokenizer.pkl",
        "training_args.bin",
        "LICENSE.py",
        ".gitattributes",
        "onnx/config.json",
        "1_Pooling/model.json",
        "2_Dense/config.json",
        "../config.json",
        "a\\config.json",
        "pytorch_model.bin.index.json",
        ""}) {
    EXPECT_FALSE(is_description(name)) << name;
    EXPECT_FALSE(is_weights(name)) << name;
  }
  EXPECT_FALSE(is_description(std::string_view("config.json\0", 12)));
  EXPECT_TRUE(is_weights("model-00001-of-00002.safetensors"));
  EXPECT_FALSE(is_weights("sub/model.safetensors"));
  EXPECT_FALSE(is_weights(".safetensors"));
}

}  // namespace
}  // namespace hub::hf
