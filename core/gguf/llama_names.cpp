#include "core/gguf/llama_names.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace hub::gguf {
namespace {

using Names = std::pair<std::string_view, std::string_view>;

constexpr std::array<Names, 9> kLayerNames{{
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
}};
constexpr std::array<Names, 3> kTopNames{{
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
}};

template <std::size_t N>
std::optional<std::string> lookup(const std::array<Names, N>& names, std::string_view name) {
  const auto* found = std::find_if(
      names.begin(), names.end(), [name](const Names& one) { return one.first == name; });
  return found == names.end() ? std::nullopt : std::optional<std::string>(found->second);
}

}  // namespace

std::optional<std::string> hub_name(const std::string& gguf_name) {
  std::string_view name = gguf_name;
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view suffix = name.substr(dot);
  if (suffix != ".weight" && suffix != ".bias") {
    return std::nullopt;
  }
  name = name.substr(0, dot);
  if (!name.starts_with("blk.")) {
    const auto top = lookup(kTopNames, name);
    return top ? std::optional(*top + std::string(suffix)) : std::nullopt;
  }
  name.remove_prefix(4);
  const std::size_t end = name.find('.');
  const std::string_view layer = name.substr(0, end);
  const bool digits = !layer.empty() && layer.size() <= 5 &&
                      layer.find_first_not_of("0123456789") == std::string_view::npos;
  if (end == std::string_view::npos || !digits) {
    return std::nullopt;
  }
  const auto part = lookup(kLayerNames, name.substr(end + 1));
  return part ? std::optional(
                    "model.layers." + std::string(layer) + "." + *part + std::string(suffix))
              : std::nullopt;
}

std::uint64_t interleaved_heads(
    const std::string& gguf_name, std::uint64_t heads, std::uint64_t kv_heads) {
  if (gguf_name.find(".attn_q.") != std::string::npos) {
    return heads;
  }
  return gguf_name.find(".attn_k.") != std::string::npos ? kv_heads : 0;
}

}  // namespace hub::gguf
