#pragma once

#include <vector>

#include "core/nn/lora.h"

namespace hub::nn {

// Gives rows [begin, end), which follow all others, to `adapter`; null: to the base. Extends the
// last span where it has the same adapter.
inline void add_span(
    std::vector<AdapterSpan>& spans, const LoraAdapter* adapter, int begin, int end) {
  if (adapter == nullptr) {
    return;
  }
  if (!spans.empty() && spans.back().adapter == adapter && spans.back().end == begin) {
    spans.back().end = end;
    return;
  }
  spans.push_back({.adapter = adapter, .begin = begin, .end = end});
}

}  // namespace hub::nn
