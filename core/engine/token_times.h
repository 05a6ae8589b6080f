#pragma once

#include "core/base/engine_events.h"

namespace hub::engine {

// When what happened to one sequence, as the engine's thread saw it: base::steady_seconds(), 0
// where it has not happened.
struct TokenTimes {
  double began = 0.0;  // its first forward
  double first_token = 0.0;
  double last_token = 0.0;
  base::InterTokenTimes between = {};

  // The next token, drawn at `seconds`.
  void add_token(double seconds) {
    if (first_token == 0.0) {
      first_token = seconds;
    } else {
      between.add(seconds - last_token);
    }
    last_token = seconds;
  }
};

}  // namespace hub::engine
