#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/json.h"

namespace hub::base {

// What an engine worker tells of its work: the events "usage" and "work" of worker_protocol.h as
// the worker writes and the server reads them.

// Upper bounds (inclusive) in seconds of the buckets that times between tokens are counted in; one
// more bucket holds what is above.
inline constexpr std::array kInterTokenBounds{
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5};

// The times between two tokens of one choice, counted.
struct InterTokenTimes {
  std::array<std::int64_t, kInterTokenBounds.size() + 1> counts{};
  double seconds = 0.0;  // their sum

  void add(double gap_seconds);
  void add(const InterTokenTimes& other);
};

// One request that ran, whatever way it ended. queue, prefill and decode follow each other without
// a gap and end within `seconds`; what never began lasted 0.
struct EngineUsage {
  std::string request_id;
  std::string adapter = {};      // its version's id; "": the base answered
  std::string key_id = {};       // whose API key; "": none
  std::string traceparent = {};  // as it came with the request; "": none
  int prompt_tokens = 0;
  int completion_tokens = 0;         // read by the client's side: of all choices
  std::int64_t started_ns = 0;       // Unix time of its arrival in the worker's handler
  double seconds = 0.0;              // from its arrival to its end
  double ttft_seconds = 0.0;         // from its arrival to the first text, or to its end
  double queue_seconds = 0.0;        // from its arrival to its first forward, or to its end
  double prefill_seconds = 0.0;      // from there to its first token, or to its end
  double decode_seconds = 0.0;       // from there to its last token
  InterTokenTimes inter_token = {};  // of all choices
  std::string finish_reason = {};    // of the last choice: "stop", "length", "cancelled", "error"
};

// An engine's work since it was loaded, and what it has now.
struct EngineWork {
  std::int64_t steps = 0;           // forward passes; stands still when the engine hangs
  std::int64_t slow_steps = 0;      // of them those that took longer than they should
  double step_seconds = 0.0;        // since the one that runs began; 0: none does
  std::int64_t step_sequences = 0;  // sequences in them, summed
  std::int64_t preemptions = 0;     // sequences that gave their cache up and waited again
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_prompt_tokens = 0;  // of them those that were not computed again
  std::int64_t generated_tokens = 0;
  // Guessed and checked, and of them those that came: what the grammar forced, what stood in the
  // text before, what the draft model said, what the model's own head did.
  std::int64_t grammar_drafted_tokens = 0;
  std::int64_t grammar_accepted_tokens = 0;
  std::int64_t text_drafted_tokens = 0;
  std::int64_t text_accepted_tokens = 0;
  std::int64_t model_drafted_tokens = 0;
  std::int64_t model_accepted_tokens = 0;
  std::int64_t mtp_drafted_tokens = 0;
  std::int64_t mtp_accepted_tokens = 0;
  std::int64_t refused = 0;          // requests that found the queue full
  std::int64_t refused_for_key = 0;  // or their key's part of it
  std::int64_t embedded_tokens = 0;  // of texts that were to be embedded
  std::int64_t running = 0;          // sequences now
  std::int64_t waiting = 0;
  std::int64_t waiting_keys = 0;         // API keys of those that wait; requests without are one
  std::int64_t kv_bytes = 0;             // caches of running sequences now
  std::int64_t prefix_bytes = 0;         // caches that ended sequences left for the next ones
  std::int64_t prefix_disk_bytes = 0;    // of those on disk
  std::int64_t prefix_disk_saves = 0;    // written since it was loaded
  std::int64_t prefix_disk_skipped = 0;  // not written: no room, or too much to write
  std::int64_t prefix_disk_loads = 0;    // read and used
  std::int64_t prefix_disk_tokens = 0;   // that these saved
  std::int64_t kv_limit_bytes = 0;
  std::int64_t kv_bits = 0;    // of each key and value; 0: floats
  std::int64_t kv_window = 0;  // tokens of a sequence whose rows stay; 0: all
  std::int64_t adapters = 0;   // attached
};

// The events' fields.
Json event_fields(const EngineUsage& usage);
Json event_fields(const EngineWork& work);

// Read what event_fields() wrote; absent numbers are 0. Throw kInvalidArgument for a field of
// another type, a negative number, or counts that are not one a bucket.
EngineUsage engine_usage(const Json& event);
EngineWork engine_work(const Json& event);

}  // namespace hub::base
