#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hub::registry {

// Rows as plain values. JSON travels as text; times are milliseconds since 1970 UTC.

enum class VersionKind : std::uint8_t { kBase, kAdapter, kMerged, kQuantized };
enum class VersionState : std::uint8_t {
  kPending,  // registered, its files are not here yet
  kReady,
  kCorrupt,  // its files are not what was recorded
};

// "base", "adapter", "merged", "quantized"; "pending", "ready", "corrupt": as stored and answered.
std::string_view to_string(VersionKind kind);
std::string_view to_string(VersionState state);
std::optional<VersionKind> version_kind_from(std::string_view word);
std::optional<VersionState> version_state_from(std::string_view word);

struct Model {
  std::string id;
  std::string name;
  std::string
      base_model;  // as registered: a Hub repository, a folder, or a registered model's name
  std::string description;
  std::string tags_json = "{}";  // {"key":"value"}
  std::int64_t created_at_ms = 0;
  std::int64_t updated_at_ms = 0;
};

struct VersionFile {
  std::string name;
  std::int64_t size_bytes = 0;
  std::string sha256;
  // How the file looked when its SHA-256 was taken (artifacts::StoredFile); 0: not known.
  std::int64_t inode = 0;
  std::int64_t mtime_ns = 0;
};

struct Version {
  std::string id;
  std::string model_id;
  std::string model_name;
  std::int64_t number = 0;  // 1, 2, … of its model; never used again
  VersionKind kind = VersionKind::kBase;
  VersionState state = VersionState::kPending;
  std::string state_reason;
  std::string digest;         // of the contents (decision 6); empty while pending
  std::string folder;         // absolute, or relative to the data folder; empty while pending
  bool by_reference = false;  // the files lie in a folder of somebody else's
  std::optional<std::string> base_version_id;    // adapters: what they attach to
  std::optional<std::string> parent_version_id;  // what it was made from
  std::optional<std::string> job_id;
  std::optional<std::string> dataset_id;
  std::string dataset_digest;
  std::int64_t size_bytes = 0;     // of all files
  std::string config_json = "{}";  // {"architecture","quantization","context_length",…}
  std::string metrics_json = "{}";
  std::vector<VersionFile> files;  // filled by get(), empty in lists
  std::int64_t created_at_ms = 0;
  std::optional<std::int64_t> verified_at_ms;  // when every byte was last read and found sound
};

struct Alias {
  std::string model_id;
  std::string alias;
  std::string version_id;
  std::int64_t number = 0;
  std::int64_t updated_at_ms = 0;
};

struct Dataset {
  std::string id{};
  std::string name{};
  std::string digest{};  // SHA-256 of the file
  std::string path{};    // absolute, or relative to the data folder
  bool by_reference = false;
  std::string format{};  // chat, completions, text
  std::int64_t rows = 0;
  std::int64_t size_bytes = 0;
  std::string report_json = "{}";
  std::int64_t created_at_ms = 0;
};

struct Evaluation {
  std::string id{};
  std::string job_id{};
  std::string model{};  // as asked
  std::string version_id{};
  std::string dataset_id{};
  std::string dataset_digest{};
  std::string params_json = "{}";
  std::string metrics_json = "{}";  // {"loss","perplexity","tokens","rows"} once it has ended well
  std::int64_t created_at_ms = 0;
  std::optional<std::int64_t> ended_at_ms{};
};

}  // namespace hub::registry
