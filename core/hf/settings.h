#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace hub::hf {

// The public Hub; the only place that names it.
inline constexpr std::string_view kDefaultEndpoint = "https://huggingface.co";

// How this machine talks to the Hugging Face Hub, or to a mirror that speaks its routes.
struct Settings {
  std::string endpoint{kDefaultEndpoint};  // without a slash at the end
  std::string token;                       // "": anonymous
  std::filesystem::path cache;  // the user's own cache: models--org--name/…; may not exist
  bool offline = false;  // HF_HUB_OFFLINE: nothing is asked, as if the Hub could not be reached
  int parallel_files = 4;
  std::chrono::milliseconds stall_timeout{30'000};  // a transfer without a byte for so long is cut
};

// What the hub's own settings say; empty fields are left to the environment.
struct Overrides {
  std::string endpoint;
  std::string token;
  std::filesystem::path cache;
};

using Environment = std::function<std::optional<std::string>(const std::string&)>;

// The overrides, else what the Hugging Face tools read: HF_ENDPOINT; HF_TOKEN, else the file
// HF_TOKEN_PATH, else `token` in HF_HOME (~/.cache/huggingface); HF_HUB_CACHE, else `hub` in
// HF_HOME. Read anew for each transfer, so that a later login counts. Throws kInvalidArgument for
// an endpoint that is no http or https URL.
Settings read_settings(const Overrides& overrides, const Environment& environment);

// True for "organisation/name" as the Hub spells its repositories; nothing else may become a part
// of a URL or of a path.
bool is_repository(std::string_view text);
// Throws kInvalidArgument naming `field` unless `text` is a repository.
void check_repository(std::string_view text, const std::string& field);
// Throws kInvalidArgument naming `field` unless `text` can be a branch, tag or commit.
void check_revision(std::string_view text, const std::string& field);

}  // namespace hub::hf
