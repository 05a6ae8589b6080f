#include "core/hf/settings.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"

namespace hub::hf {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

constexpr std::uint64_t kMostTokenBytes = 4096;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_part(std::string_view part) {
  return !part.empty() && part.size() <= 96 && is_alphanumeric(part.front()) &&
         part.find("..") == std::string_view::npos && part.find("--") == std::string_view::npos &&
         std::all_of(part.begin(), part.end(), [](char c) {
           return is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
         });
}

std::string trimmed(std::string text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && is_space(text.back())) {
    text.pop_back();
  }
  text.erase(0, text.find_first_not_of(" \n\r\t"));
  return text;
}

fs::path home_of(const Environment& environment) {
  if (const auto named = environment("HF_HOME"); named && !named->empty()) {
    return *named;
  }
  if (const auto cache = environment("XDG_CACHE_HOME"); cache && !cache->empty()) {
    return fs::path(*cache) / "huggingface";
  }
  return fs::path(environment("HOME").value_or("")) / ".cache" / "huggingface";
}

std::string token_of(const Environment& environment, const fs::path& home) {
  if (const auto token = environment("HF_TOKEN"); token && !trimmed(*token).empty()) {
    return trimmed(*token);
  }
  const auto named = environment("HF_TOKEN_PATH");
  const fs::path file = named && !named->empty() ? fs::path(*named) : home / "token";
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    return {};
  }
  return trimmed(base::read_file(file, kMostTokenBytes));
}

std::string checked_endpoint(std::string endpoint) {
  while (endpoint.ends_with('/')) {
    endpoint.pop_back();
  }
  const bool is_url = endpoint.starts_with("http://") || endpoint.starts_with("https://");
  if (!is_url || endpoint.find_first_of(" \r\n\t?#") != std::string::npos) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "the Hub's address (hf_endpoint, HF_ENDPOINT) must be a URL like {}, got \"{}\"",
            kDefaultEndpoint,
            endpoint.substr(0, 200)),
        "hf_endpoint");
  }
  return endpoint;
}

}  // namespace

Settings read_settings(const Overrides& overrides, const Environment& environment) {
  const fs::path home = home_of(environment);
  Settings settings;
  const auto endpoint = environment("HF_ENDPOINT");
  if (!overrides.endpoint.empty()) {
    settings.endpoint = checked_endpoint(overrides.endpoint);
  } else if (endpoint && !endpoint->empty()) {
    settings.endpoint = checked_endpoint(*endpoint);
  }
  settings.token = overrides.token.empty() ? token_of(environment, home) : trimmed(overrides.token);
  const std::string offline = environment("HF_HUB_OFFLINE").value_or("");
  settings.offline = offline == "1" || offline == "ON" || offline == "YES" || offline == "TRUE";
  if (!overrides.cache.empty()) {
    settings.cache = overrides.cache;
  } else if (const auto cache = environment("HF_HUB_CACHE"); cache && !cache->empty()) {
    settings.cache = *cache;
  } else {
    settings.cache = home / "hub";
  }
  return settings;
}

bool is_repository(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && is_part(text.substr(0, slash)) &&
         is_part(text.substr(slash + 1));
}

void check_repository(std::string_view text, const std::string& field) {
  if (!is_repository(text)) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must be a repository of the Hugging Face Hub (organisation/name), got \"{}\"",
            field,
            text.substr(0, 200)),
        field);
  }
}

void check_revision(std::string_view text, const std::string& field) {
  const bool plain =
      !text.empty() && text.size() <= 200 && text.front() != '/' && text.back() != '/' &&
      text.find("..") == std::string_view::npos && text.find("//") == std::string_view::npos &&
      std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) || c == '.' || c == '_' || c == '-' || c == '/' || c == '+';
      });
  if (!plain) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must be a branch, tag or commit of the repository, got \"{}\"",
            field,
            text.substr(0, 200)),
        field);
  }
}

}  // namespace hub::hf
