#pragma once

namespace hub::model_config {

// A sequence's keys and values may roll: those of its first tokens, the sinks, and of its last ones
// stay, as many as `window` together, and the others give way (StreamingLLM, arXiv:2309.17453;
// RotatingKVCache of mlx_lm/models/cache.py). window 0: all stay.

inline constexpr int kMostKvSinks = 64;

// Throws kInvalidArgument (param "kv_window" or "kv_sinks") unless sinks are from 0 to kMostKvSinks
// and a window is larger.
void check_kv_window(int window, int sinks);

// Tokens whose rows a rolling cache holds at most: the window, and what a step of `step_rows`
// tokens needs beside it. 0: no bound.
int most_kv_rows(int window, int step_rows);

}  // namespace hub::model_config
