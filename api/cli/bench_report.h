#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"

namespace hub::api {

// A table of what `mlx-hub-worker bench` reports (api/worker/bench.h): each figure, what the
// machine's limits would give, the share of it that was reached, and with `earlier` that report's
// figure and by which factor this one is better.
std::string bench_table(const base::Json& report, const base::Json* earlier = nullptr);

// Why two reports are not of the same thing ("model: … was …"); empty: they are.
std::vector<std::string> bench_differences(const base::Json& report, const base::Json& earlier);

}  // namespace hub::api
