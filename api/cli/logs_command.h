#pragma once

#include <cstdint>
#include <string>

#include "api/cli/console.h"
#include "api/cli/hub_client.h"

namespace hub::api {

// What of GET /logs is wanted; "" filters nothing.
struct LogsOptions {
  std::string level, event, process, request, job, trace, text;
  std::string since, until;  // RFC 3339, or "15m"
  std::int64_t limit = 100;  // records, of the newest
  bool follow = false;
  bool json = false;  // a record a line
};

// Prints records, oldest first; with `follow` those that come, too, until the server is gone for
// good. Returns the exit code; throws base::Error.
int logs_command(HubClient& client, Console& console, const LogsOptions& options);

}  // namespace hub::api
