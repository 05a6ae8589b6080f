#include "api/handlers/dashboard.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/server/negotiation.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json.h"

namespace hub::api {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;

constexpr const char* kIndex = "site.json";
constexpr const char* kNotFoundPage = "404.html";
constexpr int kIndexVersion = 1;
// The page of the API, for /docs.
constexpr std::string_view kDocs = "docs/index.html";
// Their names hold a digest of their contents.
constexpr std::string_view kImmutable = "_next/static/";

struct SiteFile {
  std::string type;
  std::vector<std::string_view> codings;  // of the compressed twins that lie beside it
  std::string policy;                     // Content-Security-Policy of a page; "" of other files
};

struct Twin {
  std::string_view coding;
  std::string_view ending;
};
// The smallest first.
constexpr std::array<Twin, 2> kTwins{{{"br", ".br"}, {"gzip", ".gz"}}};

using Site = std::map<std::string, SiteFile, std::less<>>;

// Content Security Policy Level 3: nothing from elsewhere, no script but the export's own.
std::string policy_of(const std::vector<std::string>& script_hashes) {
  std::string scripts = "'self'";
  for (const std::string& hash : script_hashes) {
    scripts += fmt::format(" '{}'", hash);
  }
  return fmt::format(
      "default-src 'none'; script-src {}; style-src 'self'; img-src 'self' data: blob:; font-src "
      "'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
      "frame-ancestors 'none'",
      scripts);
}

Site read_site(const fs::path& folder) {
  Site site;
  if (folder.empty() || !fs::is_regular_file(folder / kIndex)) {
    return site;
  }
  try {
    const Json index = Json::parse(base::read_file(folder / kIndex));
    if (index.at("version") != kIndexVersion) {
      throw Error(
          ErrorCode::kInternal,
          fmt::format("wanted version {}, got {}", kIndexVersion, index.at("version").dump()));
    }
    for (const auto& [name, file] : index.at("files").items()) {
      SiteFile entry{file.at("type"), {}, {}};
      for (const auto& [coding, twin] : kTwins) {
        if (file.contains(fmt::format("{}_size", coding))) {
          entry.codings.push_back(coding);
        }
      }
      if (file.contains("script_hashes")) {
        entry.policy = policy_of(file.at("script_hashes").get<std::vector<std::string>>());
      }
      site.emplace(name, std::move(entry));
    }
  } catch (const std::exception& error) {
    throw Error(
        ErrorCode::kInternal,
        fmt::format(
            "the dashboard's {} is damaged ({}): build or install it again",
            (folder / kIndex).string(),
            error.what()));
  }
  return site;
}

// Of "jobs/view" the page that lies there; the end of `site` for what the export does not have.
Site::const_iterator find_file(const Site& site, const std::string& path) {
  if (const auto file = site.find(path); file != site.end()) {
    return file;
  }
  return site.find(path.empty() ? "index.html" : path + "/index.html");
}

Response file_response(const fs::path& folder, Site::const_iterator file, const Request& request) {
  const auto& [name, entry] = *file;
  Response response;
  response.headers = {
      {"Content-Type", entry.type},
      {"Cache-Control",
       name.starts_with(kImmutable) ? "public, max-age=31536000, immutable" : "no-cache"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Referrer-Policy", "no-referrer"}};
  if (!entry.policy.empty()) {
    response.headers["Content-Security-Policy"] = entry.policy;
  }
  fs::path path = folder / name;
  if (!entry.codings.empty()) {
    response.headers["Vary"] = "Accept-Encoding";
    const std::string_view coding = choose_coding(request.header("Accept-Encoding"), entry.codings);
    if (const auto* const twin = std::ranges::find(kTwins, coding, &Twin::coding);
        twin != kTwins.end()) {
      response.headers["Content-Encoding"] = coding;
      path += twin->ending;
    }
  }
  response.file = path.string();
  return response;
}

void require(const Site& site) {
  if (site.empty()) {
    throw Error(
        ErrorCode::kNotFound,
        "this hub came without its dashboard: scripts/setup builds it, and the packages carry it",
        {},
        "no_dashboard");
  }
}

Response page(const fs::path& folder, const Site& site, const Request& request) {
  require(site);
  const auto file = find_file(site, request.params.at("path"));
  if (file != site.end()) {
    return file_response(folder, file, request);
  }
  const auto missing = site.find(kNotFoundPage);
  if (missing == site.end() || request.header("Accept").find("text/html") == std::string::npos) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("the dashboard has no page {}", request.path),
        {},
        "not_found");
  }
  Response response = file_response(folder, missing, request);
  response.status = 404;
  return response;
}

// Its scripts and styles lie under /ui/docs/.
Response docs_page(const fs::path& folder, const Site& site, const Request& request) {
  require(site);
  const auto file = site.find(kDocs);
  if (file == site.end()) {
    throw Error(
        ErrorCode::kNotFound,
        "this hub's dashboard has no page of the API: build or install it again",
        {},
        "no_dashboard");
  }
  return file_response(folder, file, request);
}

}  // namespace

std::vector<Route> dashboard_routes(const fs::path& folder) {
  const auto site = std::make_shared<const Site>(read_site(folder));
  return {
      {"GET",
       "/",
       [](const Request&) {
         Response response;
         response.status = 307;
         response.headers["Location"] = "/ui/";
         return response;
       }},
      {"GET",
       "/ui/{path*}",
       [folder, site](const Request& request) { return page(folder, *site, request); }},
      {"GET",
       "/docs",
       [folder, site](const Request& request) { return docs_page(folder, *site, request); }},
  };
}

}  // namespace hub::api
