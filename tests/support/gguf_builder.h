#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace hub::test {

// Bytes of a GGUF file, field by field.
class GgufBuilder {
 public:
  template <typename T>
  static std::string raw(T value) {
    std::string bytes(sizeof(T), '\0');
    std::memcpy(bytes.data(), &value, sizeof(T));
    return bytes;
  }
  static std::string text(const std::string& value) {
    return raw<std::uint64_t>(value.size()) + value;
  }

  GgufBuilder& field(const std::string& key, std::uint32_t type, const std::string& bytes) {
    fields_ += text(key) + raw(type) + bytes;
    ++field_count_;
    return *this;
  }
  GgufBuilder& integer(const std::string& key, std::uint32_t value) {
    return field(key, 4, raw(value));
  }
  GgufBuilder& number(const std::string& key, float value) { return field(key, 6, raw(value)); }
  GgufBuilder& string(const std::string& key, const std::string& value) {
    return field(key, 8, text(value));
  }
  GgufBuilder& strings(const std::string& key, const std::vector<std::string>& values) {
    std::string bytes = raw<std::uint32_t>(8) + raw<std::uint64_t>(values.size());
    for (const std::string& value : values) {
      bytes += text(value);
    }
    return field(key, 9, bytes);
  }
  GgufBuilder& integers(const std::string& key, const std::vector<std::int32_t>& values) {
    std::string bytes = raw<std::uint32_t>(5) + raw<std::uint64_t>(values.size());
    for (const std::int32_t value : values) {
      bytes += raw(value);
    }
    return field(key, 9, bytes);
  }
  // `shape` as the file has it: the row's length first.
  GgufBuilder& tensor(
      const std::string& name,
      const std::vector<std::uint64_t>& shape,
      std::uint32_t type,
      const std::string& bytes) {
    tensors_ += text(name) + raw(static_cast<std::uint32_t>(shape.size()));
    for (const std::uint64_t size : shape) {
      tensors_ += raw(size);
    }
    tensors_ += raw(type) + raw<std::uint64_t>(data_.size());
    data_ += bytes;
    data_.append((32 - data_.size() % 32) % 32, '\0');
    ++tensor_count_;
    return *this;
  }

  [[nodiscard]] std::string build(std::uint32_t version = 3) const {
    std::string bytes = "GGUF" + raw(version) + raw(tensor_count_) + raw(field_count_);
    bytes += fields_ + tensors_;
    bytes.append((32 - bytes.size() % 32) % 32, '\0');
    return bytes + data_;
  }

 private:
  std::string fields_;
  std::string tensors_;
  std::string data_;
  std::uint64_t field_count_ = 0;
  std::uint64_t tensor_count_ = 0;
};

// A llama of one layer, width 32, with float32 weights of a fixed pattern and a tokenizer of a few
// tokens.
inline GgufBuilder tiny_gguf() {
  GgufBuilder file;
  file.string("general.architecture", "llama")
      .integer("llama.attention.head_count", 4)
      .integer("llama.attention.head_count_kv", 2)
      .integer("llama.embedding_length", 32)
      .integer("llama.feed_forward_length", 32)
      .integer("llama.context_length", 64)
      .integer("llama.block_count", 1)
      .number("llama.attention.layer_norm_rms_epsilon", 1e-5F)
      .number("llama.rope.freq_base", 10000.0F)
      .string("tokenizer.ggml.model", "gpt2")
      .string("tokenizer.ggml.pre", "smollm")
      .strings("tokenizer.ggml.tokens", {"<s>", "</s>", "a", "b", "ab", "c", "d", "e"})
      .integers("tokenizer.ggml.token_type", {3, 3, 1, 1, 1, 1, 1, 1})
      .strings("tokenizer.ggml.merges", {"a b"})
      .integer("tokenizer.ggml.bos_token_id", 0)
      .integer("tokenizer.ggml.eos_token_id", 1);
  const auto matrix = [&file](const std::string& name, std::uint64_t rows) {
    std::string bytes;
    for (std::uint64_t i = 0; i < rows * 32; ++i) {
      bytes += GgufBuilder::raw(static_cast<float>(i % 251) / 64.0F - 1.0F);
    }
    file.tensor(name, {32, rows}, 0, bytes);
  };
  const auto vector = [&file](const std::string& name) {
    std::string bytes;
    for (int i = 0; i < 32; ++i) {
      bytes += GgufBuilder::raw(1.0F);
    }
    file.tensor(name, {32}, 0, bytes);
  };
  matrix("token_embd.weight", 8);
  vector("output_norm.weight");
  vector("blk.0.attn_norm.weight");
  vector("blk.0.ffn_norm.weight");
  matrix("blk.0.attn_q.weight", 32);
  matrix("blk.0.attn_k.weight", 16);
  matrix("blk.0.attn_v.weight", 16);
  matrix("blk.0.attn_output.weight", 32);
  matrix("blk.0.ffn_gate.weight", 32);
  matrix("blk.0.ffn_up.weight", 32);
  matrix("blk.0.ffn_down.weight", 32);
  return file;
}

}  // namespace hub::test
