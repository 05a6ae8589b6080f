#pragma once

#include "api/cli/client_commands.h"

namespace CLI {
class App;
}

namespace hub::api {

// Mounts `verify`, `gc`, `backup` and `restore` on `app`: commands that work on a data folder,
// through its server where one runs, else on the folder itself with its lock held. Else as
// add_client_commands().
void add_maintenance_commands(CLI::App& app, const ClientSetup& setup, int& exit_code);

}  // namespace hub::api
