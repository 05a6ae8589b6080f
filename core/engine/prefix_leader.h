#pragma once

#include <cstddef>
#include <span>

#include "core/engine/sequence.h"

namespace hub::engine {

// Several sequences that begin alike (the n answers of a request, questions about one long text)
// compute that beginning once: one that comes while another of the same owner computes it, or waits
// in front of it to do so, waits for that leader and then starts from a copy of its cache. The
// leader is at least as important, so nobody waits for one that is served later.

// A beginning that saves fewer tokens is computed again rather than waited for.
inline constexpr std::size_t kLeastShared = 32;

// Those that run, then those that wait in front of a sequence.
using SequencesAhead = std::span<const Sequence* const>;

// Sets the sequence's leader to the one that shares most of its beginning, where that is at least
// kLeastShared tokens more than the `known` ones that are cached already, and not computed yet;
// else the sequence has none.
void choose_leader(Sequence& sequence, std::size_t known, SequencesAhead ahead);

enum class LeaderState {
  kWorks,  // the shared beginning is still to be computed
  kDone,
  kGone  // it ended or was cancelled
};
// Of a sequence that has a leader.
LeaderState leader_state(const Sequence& sequence, SequencesAhead ahead);

}  // namespace hub::engine
