#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/json.h"

// A job's reports in the files that plotting tools read. Each report is an object of GET
// /jobs/{id}/metrics: "step", "time" (RFC 3339) and figures; null ones count as absent.
namespace hub::api {

// One line a report under a line of names: step, time, then every figure that some report has, in
// order of their first appearance; absent ones are empty (RFC 4180, numbers need no quotes).
std::string metrics_csv(std::span<const base::Json> reports);

// A TensorBoard event file: records of tensorflow.Event, each a scalar summary "train/<name>",
// framed as TFRecord (length, its masked CRC-32C, bytes, their masked CRC-32C).
std::string metrics_tfevents(std::span<const base::Json> reports);

// CRC-32C (Castagnoli), as in RFC 3720.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace hub::api
