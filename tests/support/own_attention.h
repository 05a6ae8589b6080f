#pragma once

#include <utility>

#include "core/kernels/cached_attention.h"

namespace hub::kernels {

// cached_attention() without its last argument, to be handed on.
inline constexpr auto kOwnAttention = [](auto&&... arguments) {
  return cached_attention(std::forward<decltype(arguments)>(arguments)...);
};

}  // namespace hub::kernels
