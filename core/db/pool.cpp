#include "core/db/pool.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include "core/base/clock.h"
#include "core/base/error.h"

namespace hub::db {
namespace {

constexpr std::chrono::seconds kLendTimeout{10};

}  // namespace

// A reading connection for as long as this lives.
class Pool::Lease {
 public:
  explicit Lease(Pool& pool) : pool_(pool) {
    const double asked = base::steady_seconds();
    std::unique_lock lock(pool_.mutex_);
    if (!pool_.returned_.wait_for(lock, kLendTimeout, [this] { return !pool_.idle_.empty(); })) {
      throw base::Error(
          base::ErrorCode::kUnavailable,
          "all database connections were in use for 10 s",
          {},
          "database_unavailable");
    }
    connection_ = std::move(pool_.idle_.back());
    pool_.idle_.pop_back();
    pool_.read_waits_.note(base::steady_seconds() - asked);
  }
  ~Lease() {
    {
      const std::lock_guard lock(pool_.mutex_);
      pool_.idle_.push_back(std::move(connection_));
    }
    pool_.returned_.notify_one();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Connection& connection() { return *connection_; }

 private:
  Pool& pool_;
  std::unique_ptr<Connection> connection_;
};

Pool::Pool(const std::filesystem::path& file, std::size_t readers) : writer_(open_database(file)) {
  for (std::size_t i = 0; i < std::max<std::size_t>(readers, 1); ++i) {
    idle_.push_back(open_database(file));
  }
}

Pool::~Pool() = default;

// The writing connection when this thread is inside write().
Connection* Pool::joined() {
  const std::lock_guard lock(mutex_);
  return writing_ == std::this_thread::get_id() ? writer_.get() : nullptr;
}

void Pool::write(const std::function<void(Connection&)>& work) {
  if (Connection* outer = joined()) {
    work(*outer);
    return;
  }
  bool changed = false;
  try {
    const double asked = base::steady_seconds();
    const std::lock_guard turn(writer_mutex_);
    write_waits_.note(base::steady_seconds() - asked);
    const int changes_before = writer_->getTotalChanges();
    Transaction transaction(*writer_);
    const auto set_writing = [this](std::thread::id who) {
      const std::lock_guard lock(mutex_);
      writing_ = who;
    };
    set_writing(std::this_thread::get_id());
    try {
      work(*writer_);
    } catch (...) {
      set_writing({});
      throw;
    }
    set_writing({});
    transaction.commit();
    changed = writer_->getTotalChanges() != changes_before;
  } catch (const SQLite::Exception& failure) {
    rethrow_as_error(failure);
  }
  // A claim that found nothing must not wake those who wait for something to claim.
  if (changed) {
    notify();
  }
}

void Pool::read(const std::function<void(Connection&)>& work) {
  if (Connection* outer = joined()) {
    work(*outer);
    return;
  }
  try {
    Lease lease(*this);
    // Deferred: takes its snapshot at the first SELECT and holds no lock against writers.
    lease.connection().exec("BEGIN");
    try {
      work(lease.connection());
    } catch (...) {
      static_cast<void>(lease.connection().tryExec("ROLLBACK"));
      throw;
    }
    lease.connection().exec("COMMIT");
  } catch (const SQLite::Exception& failure) {
    rethrow_as_error(failure);
  }
}

void Pool::on_commit(const void* owner, std::function<void()> listener) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.emplace_back(owner, std::move(listener));
}

void Pool::remove_listener(const void* owner) {
  const std::lock_guard lock(listeners_mutex_);
  std::erase_if(listeners_, [owner](const auto& entry) { return entry.first == owner; });
}

void Pool::notify() {
  const std::lock_guard lock(listeners_mutex_);
  for (const auto& [owner, listener] : listeners_) {
    listener();
  }
}

}  // namespace hub::db
