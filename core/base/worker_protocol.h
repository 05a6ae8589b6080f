#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/base/json.h"

namespace hub::base {

// The protocol between `mlx-hub serve` and a worker, version 1: one JSON object a line; events on
// the worker's standard output, commands on its standard input. Standard error is the
// log: JSON lines (obs/log_record.h), and what libraries print. A worker exits when its standard
// input closes.
//
// Events ("type"):
//   device     {"gpu","environment"}  the only event of `mlx-hub-worker device`
//   environment {…}  the first of a job: api/worker/environment.h
//   ready      {"socket"?, "weight_bytes", "pid"}  an engine listens, or a job has loaded its model
//   progress   {"step","total","eta_seconds"}  jobs
//   metric     {"step","train_loss"?,"eval_loss"?,"learning_rate"?,"iterations_per_second"?,
//               "tokens_per_second"?,"trained_tokens"?,"grad_norm"?,"peak_memory_bytes"?,
//               "reward_accuracy"?,…}
//   memory     {"active_bytes","cache_bytes","peak_bytes","resident_bytes","device_limit_bytes"?}
//   work       engines, once a second; fields: EngineWork in engine_events.h
//   usage      engines, when a request ends; fields: EngineUsage there
//   attached   {"id","error"?: {"code","message"}}  answers attach
//   detached   {"id"}
//   sample     {"step","index","prompt","text","tokens","finish_reason"}  jobs
//   checkpoint {"step","folder"}  jobs
//   result     {…kind-specific…}  the last event of a job that succeeded
//   error      {"code","message","param","reason"}  the last event of a worker that failed
//   log        {"level","message"}
// Commands ("type"): attach {"id","folder"}, detach {"id"}, pause, resume, checkpoint, drain, stop,
// log_level {"level"}: from which level up the worker logs from now on.
// A checkpoint that was asked for before a stop is written first.
inline constexpr int kWorkerProtocolVersion = 1;

// One line with "v", "type" and the fields of `data` (an object), ended by a newline.
std::string protocol_line(std::string_view type, const Json& data);

// Parses one line. Throws kInvalidArgument when it is no JSON object with a string "type" and this
// version.
Json parse_protocol_line(std::string_view line);

// A worker's side: writes events to standard output, whole lines, from any thread.
void emit_event(std::string_view type, const Json& data);

// A worker's side: reads commands from standard input on the calling thread until it closes; each
// goes to `handle`. Malformed lines become an event "log" and are skipped.
void read_commands(const std::function<void(const Json& command)>& handle);

}  // namespace hub::base
