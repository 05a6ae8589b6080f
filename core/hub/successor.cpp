#include "core/hub/successor.h"

#include <optional>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

// What requests for the alias get now; nullopt: nothing that could be served.
std::optional<ServedModel> served_now(
    Hub& hub, const registry::Model& model, const std::string& alias) {
  const bool is_bare_name = alias == registry::kProductionAlias;
  try {
    return hub.served_model(
        hub.resolver.resolve(is_bare_name ? model.name : fmt::format("{}@{}", model.name, alias)));
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

}  // namespace

void load_successor(
    Hub& hub, const registry::Model& model, const std::string& alias, std::int64_t number) {
  const auto now = served_now(hub, model, alias);
  // Held while the other one loads: it is not what gives its memory for it.
  const auto lease = now ? hub.pool.lease_if_ready(*now) : std::nullopt;
  if (!lease) {
    return;
  }
  const ServedModel next =
      hub.served_model(hub.resolver.resolve(fmt::format("{}:{}", model.name, number)));
  try {
    static_cast<void>(hub.pool.acquire(next));
  } catch (const base::Error& error) {
    if (error.reason() != "insufficient_memory") {
      throw;
    }
    obs::log::info(
        "successor_not_loaded",
        {{"model", model.name}, {"alias", alias}, {"version", number}, {"why", error.what()}});
  }
}

}  // namespace hub::hub
