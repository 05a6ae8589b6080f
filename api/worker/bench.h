#pragma once

#include <filesystem>
#include <iosfwd>
#include <vector>

#include "core/base/build_info.h"
#include "core/base/json.h"

namespace hub::api {

// What `mlx-hub bench` measures of one model.
struct BenchArguments {
  std::filesystem::path model_folder;
  std::vector<int> prompts = {32, 128, 512};  // tokens of the prompts that are read alone
  std::vector<int> streams = {1, 8};          // answers that are decoded together
  int tokens = 64;                            // of each of them
  int rounds = 3;
  int training_tokens = 256;  // of a row of the training; 0: none is measured
};

// Loads the model and measures it without a server: random prompts, likeliest tokens, no guesses,
// no kept prefixes. Says on `progress`, a line each, what is measured. The report:
// {"machine": environment_facts(), "model": {"folder", "parameters", "weight_bytes"}, "limits":
// {"read_bytes_per_second", "flops_per_second"}, "load_seconds", "results": [{"name": "ttft 32" |
// "prefill 512" | "decode 8" | "train 256" | "peak memory …", "unit": "ms" | "tok/s" | "bytes",
// "value" (the median), "values", "limit" (what the machine's limits alone would give; null where
// there is none)}]}. On the thread that owns MLX. Throws kInvalidArgument for prompts that the
// model's context does not hold, and what Engine and load_model() throw.
base::Json bench_report(
    const BenchArguments& arguments, const base::BuildInfo& build, std::ostream& progress);

// Prints the report on standard output, progress on standard error.
int run_bench(const BenchArguments& arguments, const base::BuildInfo& build);

}  // namespace hub::api
