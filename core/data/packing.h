#pragma once

#include <vector>

#include "core/data/examples.h"

namespace hub::data {

// The rows joined into few rows of at most `max_tokens` tokens, so that batches need little
// padding: best fit decreasing (Johnson 1973), longest first, each where the least room is left; a
// longer row stays alone. The training keeps them apart: own positions, no attention and no target
// across a border, so the loss over all of them is the same. Equal rows give an equal result
// everywhere.
std::vector<Example> pack_rows(const std::vector<Example>& rows, int max_tokens);

}  // namespace hub::data
