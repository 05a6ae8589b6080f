#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/gguf/gguf_file.h"

namespace hub::gguf {

// The Hugging Face name of a llama tensor ("blk.3.attn_q.weight" ->
// "model.layers.3.self_attn.q_proj.weight"); nullopt for one that means nothing there.
std::optional<std::string> hub_name(const std::string& gguf_name);

// llama.cpp has the rows of q and k in another order: within each head, the two halves of the
// rotary pairs alternate. For those tensors the count of heads, else 0.
std::uint64_t interleaved_heads(
    const std::string& gguf_name, std::uint64_t heads, std::uint64_t kv_heads);

// Where row `row` of the Hub's order lies in the file's, for a head of `head_rows` rows.
inline std::uint64_t source_row(std::uint64_t row, std::uint64_t head_rows) {
  const std::uint64_t inside = row % head_rows;
  const std::uint64_t half = head_rows / 2;
  return row - inside + inside % half * 2 + inside / half;
}

}  // namespace hub::gguf
