#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/commands.h"
#include "api/cli/import_watch.h"
#include "api/server/uri.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/ids.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

}  // namespace

int export_command(
    HubClient& client,
    Console& console,
    const std::string& model,
    const std::filesystem::path& file,
    bool json) {
  if (std::filesystem::exists(file)) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("{} exists already: choose another with --output", file.string()));
  }
  const std::filesystem::path part = file.string() + ".part-" + base::new_id();
  std::uint64_t bytes = 0;
  try {
    errno = 0;
    std::ofstream out(part, std::ios::binary | std::ios::trunc);
    const auto require = [&] {
      if (!out) {
        throw Error(
            ErrorCode::kUnavailable,
            fmt::format("cannot write {}: {}", part.string(), std::strerror(errno)));
      }
    };
    require();
    client.download("/models/" + percent_encode(model) + "/archive", [&](std::string_view piece) {
      out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
      require();
      bytes += piece.size();
    });
    out.close();
    require();
    base::sync_path(part);
    std::filesystem::rename(part, file);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(part, ignored);
    throw;
  }
  if (json) {
    console.out << Json{{"model", model}, {"file", file.string()}, {"size_bytes", bytes}}.dump(2)
                << std::endl;
  } else {
    console.out << fmt::format("{}: {}", file.string(), size_text(bytes)) << std::endl;
  }
  return 0;
}

int import_archive_command(
    HubClient& client,
    Console& console,
    const std::filesystem::path& file,
    const std::string& name,
    bool json) {
  if (!std::filesystem::is_regular_file(file)) {
    throw Error(ErrorCode::kNotFound, fmt::format("there is no file {}", file.string()));
  }
  const Json model = watch_import(client, console, json, [&](const std::string& request_id) {
    return client.upload("/models/import", name, file, request_id);
  });
  if (json) {
    console.out << model.dump(2) << std::endl;
  } else {
    console.out << fmt::format(
                       "{}: {} versions, {}",
                       model["name"].get<std::string>(),
                       model["versions"].size(),
                       model["state"].get<std::string>())
                << std::endl;
  }
  return 0;
}

}  // namespace hub::api
