#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hub::engine {

// Tokens beyond the known ones that a cache gets room for when its sequence starts, so that it need
// not grow at once, and that every running one must find free when another starts: without them the
// newcomer would be sent away again within a few steps.
inline constexpr int kHeadroomTokens = 128;

// What the scheduler knows of a sequence. Tokens are the prompt's and those generated so far.
struct SequenceView {
  int cached = 0;      // tokens whose keys and values are in its cache
  int pending = 1;     // known tokens that are not: >= 1; exactly 1 while it decodes
  int capacity = 0;    // rows, a token each, that its cache has room for
  int key = 0;         // who asked for it: index into what each key was served
  int priority = 0;    // those with a lower one go first
  bool began = false;  // it was in a step already: where it waits, it gave way
  bool held = false;   // it waits for what another one computes, and does not start yet
};

struct StepLimits {
  int max_running = 16;
  int prefill_chunk = 256;  // rows a step that belong to sequences with more than one pending token
  std::uint64_t kv_budget_bytes = 0;
  std::uint64_t kv_bytes_per_token = 0;
  std::uint64_t bytes_per_sequence = 0;  // beside its tokens': the states of recurrent layers
  int most_rows = 0;  // of a cache, which drops the others (kv_window.h); 0: a row for each token
};

// The rows of one sequence in a step: its next `rows` pending tokens.
struct StepPart {
  int sequence = 0;      // index into the running sequences after preempting and admitting
  int rows = 0;          // >= 1
  bool samples = false;  // its last pending token is among them, so the step yields its next one
};

struct StepPlan {
  std::vector<int> preempt;  // running sequences, ascending, that give up their caches and wait
                             // again, in front of the others
  std::vector<int> admit;    // waiting sequences that start now, behind the running ones, in this
                             // order
  std::vector<StepPart> parts;  // in sequence order; empty when there is nothing to do
};

// Rows that a cache has room for once it has read all known tokens of the sequence; it grows as
// models::KvCache does.
int grown_capacity(const SequenceView& sequence, int most_rows = 0);

// What the caches of these sequences take once they hold all known tokens.
std::uint64_t planned_kv_bytes(std::span<const SequenceView> sequences, const StepLimits& limits);

// Decides one step from counters alone: no MLX, no clock, no locks. `served`: what each key was
// served so far (fair_shares.h); a key beyond its end was served nothing.
// - Every sequence with one pending token takes part, so that decoding never waits for a prompt.
// - Prompts share `prefill_chunk` rows (prefill_rows.h).
// - Waiting sequences start while max_running and the KV budget allow: by priority; of one priority
//   those that gave way, then those of the key that was served least, prompts that are being read
//   counted as if they were; a key's own in order. The one whose turn it is and that does not fit
//   is not overtaken. A sequence alone always runs: submit refuses what cannot fit alone.
//   One that is held has no turn.
// - When the running ones outgrow the budget the least important give way, of one priority the
//   newest first. So they do for a waiting one of a higher priority that would fit without them.
//   What they compute again later changes nothing in what they say.
StepPlan plan_step(
    std::span<const SequenceView> running,
    std::span<const SequenceView> waiting,
    const StepLimits& limits,
    std::span<const std::uint64_t> served = {});

}  // namespace hub::engine
