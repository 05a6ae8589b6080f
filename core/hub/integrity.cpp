#include "core/hub/integrity.h"

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/error.h"
#include "core/model_config/content_digest.h"
#include "core/model_config/tensor_check.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

using base::Error;
using base::ErrorCode;
using registry::VersionState;

constexpr std::size_t kLongestReason = 4000;  // bytes kept in the version's row

artifacts::StoredFile stored(const registry::VersionFile& file) {
  return {file.name, file.size_bytes, file.sha256, file.inode, file.mtime_ns};
}

registry::VersionFile recorded(const artifacts::StoredFile& file) {
  return {file.name, file.size_bytes, file.sha256, file.inode, file.mtime_ns};
}

}  // namespace

void Integrity::check_before_load(std::string_view version_id) {
  const registry::Version version = models_.get_version(version_id);
  const std::filesystem::path folder = artifacts_.absolute(version.folder);
  std::vector<std::string> problems;
  std::vector<registry::VersionFile> seen;
  for (const registry::VersionFile& file : version.files) {
    const std::filesystem::path path = folder / file.name;
    auto look = artifacts::glance_at(path, stored(file));
    if (look.glance == artifacts::Glance::kUncertain) {
      const std::lock_guard turn(reading_);
      artifacts::StoredFile now;
      if (auto problem = artifacts::read_through(path, stored(file), now)) {
        look = {artifacts::Glance::kWrong, *std::move(problem)};
      } else {
        seen.push_back(recorded(now));
      }
    }
    if (look.glance == artifacts::Glance::kWrong) {
      problems.push_back(std::move(look.problem));
    }
  }
  if (!seen.empty()) {
    models_.record_check(version.id, seen, false);
  }
  if (!problems.empty()) {
    mark(version, problems);
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format(
            "version {} of model '{}' cannot be loaded, its files are not what was recorded: {}",
            version.number,
            version.model_name,
            fmt::join(problems, "; ")),
        "model",
        "model_corrupt");
  }
}

std::int64_t Integrity::bytes_to_read(const registry::Version& version) {
  return version.state == VersionState::kPending ? 0 : 2 * version.size_bytes;
}

Integrity::Report Integrity::verify(
    std::string_view version_id, const artifacts::ReadProgress& progress) {
  Report report;
  report.version = models_.get_version(version_id);
  if (report.version.state == VersionState::kPending) {
    return report;
  }
  std::vector<artifacts::StoredFile> files;
  files.reserve(report.version.files.size());
  for (const registry::VersionFile& file : report.version.files) {
    files.push_back(stored(file));
  }
  report.problems = artifacts_.verify(report.version.folder, files, progress);
  report.bytes = report.version.size_bytes;
  if (report.problems.empty()) {
    report.problems = content_problems(report.version, artifacts_.absolute(report.version.folder));
    report.bytes = bytes_to_read(report.version);
    if (progress) {
      static_cast<void>(progress(report.bytes));
    }
  }
  if (report.problems.empty()) {
    std::vector<registry::VersionFile> sound;
    sound.reserve(files.size());
    for (const artifacts::StoredFile& file : files) {
      sound.push_back(recorded(file));
    }
    models_.record_check(report.version.id, sound, true);
  }
  mark(report.version, report.problems);
  report.version = models_.get_version(version_id);
  return report;
}

std::vector<std::string> Integrity::content_problems(
    const registry::Version& version, const std::filesystem::path& folder) {
  try {
    std::string digest;
    if (version.kind == registry::VersionKind::kAdapter) {
      const registry::Version base = models_.get_version(version.base_version_id.value_or(""));
      digest = model_config::adapter_digest(folder, base.digest);
    } else {
      model_config::check_model_folder(folder);
      digest = model_config::content_digest(folder);
    }
    if (digest != version.digest) {
      return {fmt::format("the contents have digest {}, recorded was {}", digest, version.digest)};
    }
    return {};
  } catch (const Error& error) {
    return {error.what()};
  }
}

void Integrity::mark(const registry::Version& version, const std::vector<std::string>& problems) {
  if (problems.empty()) {
    if (version.state != VersionState::kReady) {
      models_.set_state(version.id, VersionState::kReady, "");
    }
    return;
  }
  const std::string reason = fmt::format("{}", fmt::join(problems, "; ")).substr(0, kLongestReason);
  if (version.state != VersionState::kCorrupt || version.state_reason != reason) {
    models_.set_state(version.id, VersionState::kCorrupt, reason);
  }
  obs::log::error(
      "version_corrupt",
      {{"model", version.model_name}, {"version", version.number}, {"reason", reason}});
}

}  // namespace hub::hub
