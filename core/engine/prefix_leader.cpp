#include "core/engine/prefix_leader.h"

#include <algorithm>

namespace hub::engine {

void choose_leader(Sequence& sequence, std::size_t known, SequencesAhead ahead) {
  sequence.leader.reset();
  sequence.shared_tokens = known + kLeastShared - 1;
  const auto wanted = sequence.beginning();
  for (const Sequence* other : ahead) {
    if (other->owner != sequence.owner || other->priority > sequence.priority) {
      continue;
    }
    const std::size_t common = common_prefix(other->tokens, wanted);
    if (common > sequence.shared_tokens && common > other->cached_tokens().size()) {
      sequence.leader = other->stream;
      sequence.shared_tokens = common;
    }
  }
}

LeaderState leader_state(const Sequence& sequence, SequencesAhead ahead) {
  const auto leader = std::ranges::find(ahead, sequence.leader, &Sequence::stream);
  if (leader == ahead.end()) {
    return LeaderState::kGone;
  }
  return (*leader)->cached_tokens().size() >= sequence.shared_tokens ? LeaderState::kDone
                                                                     : LeaderState::kWorks;
}

}  // namespace hub::engine
