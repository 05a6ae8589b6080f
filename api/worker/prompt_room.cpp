#include "api/worker/prompt_room.h"

#include <algorithm>
#include <cstddef>

namespace hub::api {

int prompt_room(const ServedModel& model, const GenerationOptions& options) {
  const int context = model.engine.context_length();
  const int answer = std::min(options.max_tokens.value_or(context / 4), context / 2);
  return std::max(context - std::max(answer, 1), 1);
}

void keep_last(std::vector<int>& prompt, int tokens) {
  const auto most = static_cast<std::size_t>(tokens);
  if (prompt.size() > most) {
    prompt.erase(prompt.begin(), prompt.end() - static_cast<std::ptrdiff_t>(most));
  }
}

}  // namespace hub::api
