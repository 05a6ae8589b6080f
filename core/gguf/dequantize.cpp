#include "core/gguf/dequantize.h"

#include <array>
#include <bit>
#include <cstring>

#include "core/base/error.h"
#include "core/base/half.h"

// Names inside follow ggml-quants.c, so that both can be read side by side: d and m scale and
// minimum, q the small integers, sc their block's own scales.
namespace hub::gguf {
namespace {

using base::half_to_float;

using Block = const std::uint8_t*;

template <typename T>
T load(Block at) {
  T value{};
  std::memcpy(&value, at, sizeof(T));
  return value;
}

float half_at(Block at) {
  return half_to_float(load<std::uint16_t>(at));
}

void q4_0(Block b, float* y) {
  const float d = half_at(b);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>((b[2 + j] & 15) - 8) * d;
    y[j + 16] = static_cast<float>((b[2 + j] >> 4) - 8) * d;
  }
}

void q4_1(Block b, float* y) {
  const float d = half_at(b);
  const float m = half_at(b + 2);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>(b[4 + j] & 15) * d + m;
    y[j + 16] = static_cast<float>(b[4 + j] >> 4) * d + m;
  }
}

// The fifth bits lie apart, in a word of 32.
void five_bits(std::uint32_t high, Block qs, int* q) {
  for (unsigned j = 0; j < 16; ++j) {
    q[j] = (qs[j] & 15) | static_cast<int>(((high >> j) << 4U) & 16U);
    q[j + 16] = (qs[j] >> 4) | static_cast<int>((high >> (j + 12U)) & 16U);
  }
}

void q5_0(Block b, float* y) {
  const float d = half_at(b);
  std::array<int, 32> q{};
  five_bits(load<std::uint32_t>(b + 2), b + 6, q.data());
  for (std::size_t j = 0; j < q.size(); ++j) {
    y[j] = static_cast<float>(q.at(j) - 16) * d;
  }
}

void q5_1(Block b, float* y) {
  const float d = half_at(b);
  const float m = half_at(b + 2);
  std::array<int, 32> q{};
  five_bits(load<std::uint32_t>(b + 4), b + 8, q.data());
  for (std::size_t j = 0; j < q.size(); ++j) {
    y[j] = static_cast<float>(q.at(j)) * d + m;
  }
}

void q8_0(Block b, float* y) {
  const float d = half_at(b);
  for (int j = 0; j < 32; ++j) {
    y[j] = static_cast<float>(static_cast<std::int8_t>(b[2 + j])) * d;
  }
}

void q2_k(Block b, float* y) {
  Block scales = b;
  Block q = b + 16;
  const float d = half_at(b + 80);
  const float m = half_at(b + 82);
  for (int n = 0; n < 2; ++n, q += 32) {
    for (int shift = 0; shift < 8; shift += 2) {
      for (int part = 0; part < 32; part += 16) {
        const std::uint8_t sc = *scales++;
        const float dl = d * static_cast<float>(sc & 15);
        const float ml = m * static_cast<float>(sc >> 4);
        for (int l = 0; l < 16; ++l) {
          *y++ = dl * static_cast<float>((q[part + l] >> shift) & 3) - ml;
        }
      }
    }
  }
}

// Sixteen scales of six bits in twelve bytes.
std::array<std::int8_t, 16> q3_k_scales(Block packed) {
  constexpr std::uint32_t two = 0x03030303U;
  constexpr std::uint32_t four = 0x0F0F0F0FU;
  const auto a = load<std::uint32_t>(packed);
  const auto c = load<std::uint32_t>(packed + 4);
  const auto high = load<std::uint32_t>(packed + 8);
  const std::array<std::uint32_t, 4> words{
      (a & four) | ((high & two) << 4U),
      (c & four) | (((high >> 2U) & two) << 4U),
      ((a >> 4U) & four) | (((high >> 4U) & two) << 4U),
      ((c >> 4U) & four) | (((high >> 6U) & two) << 4U)};
  return std::bit_cast<std::array<std::int8_t, 16>>(words);
}

void q3_k(Block b, float* y) {
  Block high = b;
  Block q = b + 32;
  const auto scales = q3_k_scales(b + 96);
  const float d = half_at(b + 108);
  std::size_t is = 0;
  unsigned mask = 1;
  for (int n = 0; n < 2; ++n, q += 32) {
    for (int shift = 0; shift < 8; shift += 2, mask <<= 1U) {
      for (int part = 0; part < 32; part += 16) {
        const float dl = d * static_cast<float>(scales.at(is++) - 32);
        for (int l = part; l < part + 16; ++l) {
          const int low = (q[l] >> shift) & 3;
          *y++ = dl * static_cast<float>(low - ((high[l] & mask) != 0 ? 0 : 4));
        }
      }
    }
  }
}

// Scale and minimum number j of the eight pairs of six bits in twelve bytes.
std::pair<int, int> pair_of_six(Block q, int j) {
  if (j < 4) {
    return {q[j] & 63, q[j + 4] & 63};
  }
  return {(q[j + 4] & 15) | ((q[j - 4] >> 6) << 4), (q[j + 4] >> 4) | ((q[j] >> 6) << 4)};
}

void q4_k(Block b, float* y) {
  const float d = half_at(b);
  const float m = half_at(b + 2);
  Block q = b + 16;
  for (int is = 0; is < 8; ++is) {
    const auto [sc, mn] = pair_of_six(b + 4, is);
    const float dl = d * static_cast<float>(sc);
    const float ml = m * static_cast<float>(mn);
    Block half = q + is / 2 * 32;
    for (int l = 0; l < 32; ++l) {
      *y++ = dl * static_cast<float>(is % 2 == 0 ? half[l] & 15 : half[l] >> 4) - ml;
    }
  }
}

void q5_k(Block b, float* y) {
  const float d = half_at(b);
  const float m = half_at(b + 2);
  Block high = b + 16;
  Block q = b + 48;
  for (int is = 0; is < 8; ++is) {
    const auto [sc, mn] = pair_of_six(b + 4, is);
    const float dl = d * static_cast<float>(sc);
    const float ml = m * static_cast<float>(mn);
    Block half = q + is / 2 * 32;
    for (int l = 0; l < 32; ++l) {
      const int low = is % 2 == 0 ? half[l] & 15 : half[l] >> 4;
      *y++ = dl * static_cast<float>(low + ((high[l] >> is & 1) != 0 ? 16 : 0)) - ml;
    }
  }
}

void q6_k(Block b, float* y) {
  Block ql = b;
  Block qh = b + 128;
  Block sc = b + 192;
  const float d = half_at(b + 208);
  for (int n = 0; n < 2; ++n, y += 128, ql += 64, qh += 32, sc += 8) {
    for (int l = 0; l < 32; ++l) {
      const std::array<int, 4> q{
          (ql[l] & 15) | ((qh[l] & 3) << 4),
          (ql[l + 32] & 15) | (((qh[l] >> 2) & 3) << 4),
          (ql[l] >> 4) | (((qh[l] >> 4) & 3) << 4),
          (ql[l + 32] >> 4) | ((qh[l] >> 6) << 4)};
      for (int part = 0; part < 4; ++part) {
        const auto scale = static_cast<std::int8_t>(sc[l / 16 + 2 * part]);
        y[l + 32 * part] = d * static_cast<float>(scale) *
                           static_cast<float>(q.at(static_cast<std::size_t>(part)) - 32);
      }
    }
  }
}

void f32(Block b, float* y) {
  *y = load<float>(b);
}
void f16(Block b, float* y) {
  *y = half_at(b);
}
void bf16(Block b, float* y) {
  *y = std::bit_cast<float>(static_cast<std::uint32_t>(load<std::uint16_t>(b)) << 16U);
}

using Kernel = void (*)(Block, float*);

Kernel kernel_of(TensorType type) {
  switch (type) {
    case TensorType::kF32:
      return f32;
    case TensorType::kF16:
      return f16;
    case TensorType::kBF16:
      return bf16;
    case TensorType::kQ40:
      return q4_0;
    case TensorType::kQ41:
      return q4_1;
    case TensorType::kQ50:
      return q5_0;
    case TensorType::kQ51:
      return q5_1;
    case TensorType::kQ80:
      return q8_0;
    case TensorType::kQ2K:
      return q2_k;
    case TensorType::kQ3K:
      return q3_k;
    case TensorType::kQ4K:
      return q4_k;
    case TensorType::kQ5K:
      return q5_k;
    case TensorType::kQ6K:
      return q6_k;
  }
  throw base::Error(base::ErrorCode::kInternal, "a tensor type without values");
}

}  // namespace

void dequantize(TensorType type, std::span<const std::uint8_t> blocks, std::span<float> values) {
  const TypeTraits& traits_of = traits(type);
  const Kernel kernel = kernel_of(type);
  const std::size_t count = values.size() / traits_of.block_values;
  if (blocks.size() != count * traits_of.block_bytes) {
    throw base::Error(base::ErrorCode::kInternal, "blocks and values do not match");
  }
  for (std::size_t i = 0; i < count; ++i) {
    kernel(blocks.data() + i * traits_of.block_bytes, values.data() + i * traits_of.block_values);
  }
}

}  // namespace hub::gguf
