#include "api/handlers/idempotency.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"

namespace hub::api {
namespace {

void check_key(const std::string& key) {
  const bool visible =
      std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (key.size() > 255 || !visible) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "the header Idempotency-Key must hold 1 to 255 visible ASCII characters",
        "Idempotency-Key");
  }
}

// All that makes a request what it is, beside its route. Upload's text fields lie in the query.
std::string digest_of(const Request& request) {
  base::Sha256 digest;
  for (const auto& [name, value] : request.query) {
    digest.update(fmt::format("{}={}\n", name, value));
  }
  digest.update(request.body);
  if (!request.body_file.empty()) {
    digest.update(base::sha256_file(request.body_file));
  }
  return digest.hex();
}

}  // namespace

Handler idempotent(std::shared_ptr<registry::IdempotencyStore> store, CreatingHandler handler) {
  return [store = std::move(store), handler = std::move(handler)](const Request& request) {
    const std::string key = request.header("Idempotency-Key");
    if (key.empty()) {
      return handler(request, [](const std::function<Response()>& make) { return make(); });
    }
    check_key(key);
    const std::string route = request.method + " " + request.path;
    if (const auto kept = store->begin(key, route, digest_of(request))) {
      Response response = json_response(kept->status, kept->body);
      response.headers["Idempotency-Replayed"] = "true";
      return response;
    }
    try {
      bool is_kept = false;
      Response response = handler(request, [&](const std::function<Response()>& make) {
        Response made;
        store->finish_with(key, route, [&] {
          made = make();
          return registry::StoredAnswer{made.status, made.body};
        });
        is_kept = true;
        return made;
      });
      if (!is_kept) {
        store->finish(key, route, {response.status, response.body});
      }
      return response;
    } catch (...) {
      store->abandon(key, route);
      throw;
    }
  };
}

}  // namespace hub::api
