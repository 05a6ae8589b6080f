#include "core/engine/prefix_store.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/base/prefix_files.h"
#include "core/base/system_error.h"
#include "core/engine/prefix_cache.h"
#include "core/obs/log.h"

namespace hub::engine {

namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

constexpr std::string_view kHalfWritten = ".writing-";
constexpr const char* kEnding = ".safetensors";

void make_private_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    base::throw_system_error("create", folder, errno);
  }
}

PrefixStore::Space space_of(const fs::path& folder) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  return error ? PrefixStore::Space{} : PrefixStore::Space{space.available, space.capacity};
}

// Calls `use` with every entry of a folder; none when it cannot be read.
template <typename Use>
void each_entry(const fs::path& folder, const Use& use) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    use(*entry);
  }
}

struct FoundFile {
  fs::path path;
  fs::file_time_type used;
  std::uint64_t bytes;
};

// All prefixes of all models below the root, those used least recently first.
std::vector<FoundFile> files_below(const fs::path& root) {
  std::vector<FoundFile> found;
  each_entry(root, [&](const fs::directory_entry& model) {
    each_entry(model.path(), [&](const fs::directory_entry& adapter) {
      each_entry(adapter.path(), [&](const fs::directory_entry& file) {
        std::error_code error;
        const auto used = file.last_write_time(error);
        const auto bytes = error ? 0 : file.file_size(error);
        if (!error) {
          found.push_back({file.path(), used, bytes});
        }
      });
    });
  });
  std::ranges::sort(found, std::less<>(), &FoundFile::used);
  return found;
}

std::uint64_t half_written_bytes(const fs::path& root) {
  std::uint64_t bytes = 0;
  each_entry(root, [&bytes](const fs::directory_entry& entry) {
    std::error_code error;
    if (entry.path().filename().string().starts_with(kHalfWritten)) {
      const auto size = entry.file_size(error);
      bytes += error ? 0 : size;
    }
  });
  return bytes;
}

// A file that is being written. While it is open it is locked, so that nobody takes it for one that
// a crash left.
class HalfWritten {
 public:
  // Has `bytes` from the start, which counts for whoever makes room meanwhile.
  HalfWritten(const fs::path& root, std::uint64_t bytes)
      : path_(root / (std::string(kHalfWritten) + base::new_id())),
        descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) {
      base::throw_system_error("create", path_, errno);
    }
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 ||
        ::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) {
      const int number = errno;
      drop();
      errno = number;
      base::throw_system_error("create", path_, errno);
    }
  }
  ~HalfWritten() { drop(); }
  HalfWritten(const HalfWritten&) = delete;
  HalfWritten& operator=(const HalfWritten&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  void become(const fs::path& file) {
    if (::rename(path_.c_str(), file.c_str()) != 0) {
      base::throw_system_error("rename to", file, errno);
    }
    is_renamed_ = true;
    base::sync_path(file.parent_path());
  }

 private:
  void drop() {
    if (!is_renamed_) {
      ::unlink(path_.c_str());
    }
    ::close(descriptor_);
  }

  const fs::path path_;
  const int descriptor_;
  bool is_renamed_ = false;
};

}  // namespace

// Held by whoever makes room below a root or looks for what a crash left.
class PrefixStore::Lock {
 public:
  explicit Lock(const fs::path& root)
      : descriptor_(::open((root / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0 || ::flock(descriptor_, LOCK_EX) != 0) {
      base::throw_system_error("lock", root, errno);
    }
  }
  ~Lock() { ::close(descriptor_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  const int descriptor_;
};

PrefixStore::PrefixStore(Options options)
    : options_(std::move(options)), folder_(options_.root / options_.model) {
  make_private_folder(options_.root);
  make_private_folder(folder_);
  remove_half_written();
  read_index();
}

std::uint64_t PrefixStore::reserve_of(std::uint64_t capacity) {
  constexpr std::uint64_t gib = 1ULL << 30U;
  return std::clamp(capacity / 20, gib, 16 * gib);
}

void PrefixStore::remove_half_written() const {
  const Lock lock(options_.root);
  each_entry(options_.root, [](const fs::directory_entry& entry) {
    if (!entry.path().filename().string().starts_with(kHalfWritten)) {
      return;
    }
    const int descriptor = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    // Whoever writes it holds the lock as long as it lives.
    if (descriptor < 0 || ::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
      ::unlink(entry.path().c_str());
    }
    if (descriptor >= 0) {
      ::close(descriptor);
    }
  });
}

void PrefixStore::read_index() {
  each_entry(folder_, [this](const fs::directory_entry& adapter) {
    const std::string name = adapter.path().filename().string();
    each_entry(adapter.path(), [&](const fs::directory_entry& file) {
      read_item(file.path(), name == base::kPrefixesOfBase ? "" : name);
    });
  });
}

void PrefixStore::read_item(const fs::path& file, const std::string& adapter) {
  try {
    PrefixHead head = read_prefix_head(file);
    if (head.tags.model != options_.model || head.tags.adapter != adapter) {
      remove(file, "it is of another model or adapter");
    } else if (head.tags.computed_by != options_.computed_by) {
      remove(file, "another program or device computed it: " + head.tags.computed_by);
    } else {
      add(
          {.owner = {.adapter = std::move(head.tags.adapter), .scope = std::move(head.tags.scope)},
           .tokens = std::move(head.tokens),
           .file = file,
           .bytes = head.file_bytes});
    }
  } catch (const Error& error) {
    remove(file, error.what());
  }
}

std::size_t PrefixStore::usable(
    const Item& item, const Owner& owner, std::span<const int> tokens) const {
  if (item.owner.adapter != owner.adapter || item.owner.scope != owner.scope) {
    return 0;
  }
  const std::size_t common = common_prefix(item.tokens, tokens);
  return options_.whole_only && common != item.tokens.size() ? 0 : common;
}

std::optional<PrefixStore::Match> PrefixStore::find(
    const Owner& owner, std::span<const int> tokens) const {
  const std::lock_guard lock(mutex_);
  std::optional<Match> best;
  for (const Item& item : items_) {
    const std::size_t length = usable(item, owner, tokens);
    // Of two that hold as much the shorter one is read sooner.
    if (length > 0 &&
        (!best || length > best->length || (length == best->length && item.bytes < best->bytes))) {
      best = {
          .file = item.file, .length = length, .stored = item.tokens.size(), .bytes = item.bytes};
    }
  }
  return best;
}

bool PrefixStore::holds(const Owner& owner, std::span<const int> tokens) const {
  const auto match = find(owner, tokens);
  return match && match->length == tokens.size();
}

fs::path PrefixStore::path_of(const Owner& owner, std::span<const int> tokens) const {
  const std::string digest =
      base::sha256_hex({reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes()});
  return folder_ / (owner.adapter.empty() ? base::kPrefixesOfBase : owner.adapter) /
         fmt::format("{}-{}{}", base::prefix_scope_tag(owner.scope), digest.substr(0, 32), kEnding);
}

PrefixTags PrefixStore::tags_of(const Owner& owner) const {
  return {
      .model = options_.model,
      .adapter = owner.adapter,
      .scope = owner.scope,
      .computed_by = options_.computed_by};
}

bool PrefixStore::save(
    const Owner& owner, std::span<const int> tokens, std::span<const PrefixTensor> tensors) {
  const PrefixTags tags = tags_of(owner);
  const std::uint64_t bytes = prefix_file_bytes(tags, tokens, tensors);
  const fs::path file = path_of(owner, tokens);
  std::optional<HalfWritten> written;
  {
    const Lock lock(options_.root);
    if (!make_room(bytes)) {
      return false;
    }
    written.emplace(options_.root, bytes);
  }
  write_prefix(written->descriptor(), tags, tokens, tensors);
  make_private_folder(folder_);  // the server removes those of versions that are gone
  make_private_folder(file.parent_path());
  written->become(file);
  add({.owner = owner, .tokens = {tokens.begin(), tokens.end()}, .file = file, .bytes = bytes});
  return true;
}

// What is removed belongs to any model.
bool PrefixStore::make_room(std::uint64_t bytes) {
  if (bytes > options_.budget_bytes) {
    return false;
  }
  const auto ask = options_.space ? options_.space : space_of;
  const Space space = ask(options_.root);
  const std::uint64_t needed_free = reserve_of(space.capacity) + bytes;
  std::uint64_t free = space.free;
  const std::vector<FoundFile> files = files_below(options_.root);
  std::uint64_t used = half_written_bytes(options_.root);
  for (const FoundFile& file : files) {
    used += file.bytes;
  }
  for (const FoundFile& file : files) {
    if (used + bytes <= options_.budget_bytes && free >= needed_free) {
      break;
    }
    ::unlink(file.path.c_str());
    forget(file.path);
    used -= file.bytes;
    free += file.bytes;
  }
  return used + bytes <= options_.budget_bytes && free >= needed_free;
}

std::optional<LoadedPrefix> PrefixStore::load(const Owner& owner, const fs::path& file) {
  try {
    LoadedPrefix loaded = read_prefix(file);
    if (loaded.head.tags != tags_of(owner)) {
      throw Error(ErrorCode::kUnprocessable, "it is somebody else's");
    }
    ::utimensat(AT_FDCWD, file.c_str(), nullptr, 0);
    return loaded;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) {  // another engine, or the server, removed it
      forget(file);
    } else {
      remove(file, error.what());
    }
    return std::nullopt;
  }
}

void PrefixStore::remove(const fs::path& file, const std::string& why) {
  obs::log::warning("kept_prefix_removed", {{"file", file.string()}, {"reason", why}});
  ::unlink(file.c_str());
  forget(file);
}

void PrefixStore::forget(const fs::path& file) {
  const std::lock_guard lock(mutex_);
  std::erase_if(items_, [&file](const Item& item) { return item.file == file; });
}

// Those that the new one holds whole go: with recurrent layers only itself.
void PrefixStore::add(Item item) {
  const std::lock_guard lock(mutex_);
  std::erase_if(items_, [&](const Item& other) {
    const bool is_held = usable(other, item.owner, item.tokens) == other.tokens.size() &&
                         (!options_.whole_only || other.tokens.size() == item.tokens.size());
    if (is_held && other.file != item.file) {
      ::unlink(other.file.c_str());
    }
    return is_held;
  });
  items_.push_back(std::move(item));
}

std::uint64_t PrefixStore::bytes() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t bytes = 0;
  for (const Item& item : items_) {
    bytes += item.bytes;
  }
  return bytes;
}

std::size_t PrefixStore::files() const {
  const std::lock_guard lock(mutex_);
  return items_.size();
}

}  // namespace hub::engine
