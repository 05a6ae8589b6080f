#pragma once

#include <exception>
#include <string>

#include "api/worker/job_control.h"
#include "api/worker/job_spec.h"
#include "core/base/error.h"
#include "core/train/process_group.h"
#include "core/train/trainer.h"

namespace hub::api {

// The `ranks` workers of one job; with an empty backend this one alone. Throws kInvalidArgument
// when they are not as many as the job wants, and what train::ProcessGroup::join() throws.
train::ProcessGroup join_ranks(const std::string& backend, int ranks, const EmitEvent& emit);

// Collective: what the server has asked of rank 0, on every rank. While it is paused all sleep: a
// rank that waits for the others in MLX may keep a core busy.
train::Command next_command(const train::ProcessGroup& group, JobControl& control);

// What a job fails with that MLX ended by `error`: kUnavailable (`ranks_not_connected`), upon which
// the server tries again, where the connection to another rank was lost; else kInternal.
base::Error failure_of(const std::exception& error);

// Leaves what only rank 0 does to it: reports and files.
void follow(train::TrainHooks& hooks);

}  // namespace hub::api
