#pragma once

#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/db/database.h"
#include "core/db/wait_times.h"

namespace hub::db {

// Connections to one database file, each lent to one thread at a time. Thread-safe.
//
// Writers take turns inside the process (a mutex, fair enough for short transactions), so that
// SQLite's own busy timeout only matters against other processes. A write() or read() inside a
// write() on the same thread joins that transaction, so that calls of several tables' classes can
// be made one unit:
//   pool.write([&](auto&) { versions.add(…); queue.complete(…); });
class Pool {
 public:
  // Opens `readers` connections for reading and one for writing.
  explicit Pool(const std::filesystem::path& file, std::size_t readers = 4);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Runs `work` in one IMMEDIATE transaction: committed when it returns, rolled back when it
  // throws.
  void write(const std::function<void(Connection&)>& work);

  // Runs `work` in one read snapshot. `work` must not write.
  void read(const std::function<void(Connection&)>& work);

  // How long outermost calls waited for a connection, or for their turn to write.
  [[nodiscard]] WaitTimes::Counts read_waits() const { return read_waits_.counts(); }
  [[nodiscard]] WaitTimes::Counts write_waits() const { return write_waits_.counts(); }

  // `listener` runs after each outermost commit that changed a row, on the committing thread; it
  // must be quick and not use this pool. Register before other threads start; `owner` names it for
  // remove_listener().
  void on_commit(const void* owner, std::function<void()> listener);
  void remove_listener(const void* owner);

 private:
  class Lease;
  Connection* joined();
  void notify();

  std::mutex writer_mutex_;
  std::unique_ptr<Connection> writer_;  // guarded by writer_mutex_
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> idle_;  // guarded by mutex_
  std::thread::id writing_;                        // guarded by mutex_: who is inside write()
  WaitTimes read_waits_;
  WaitTimes write_waits_;
  std::mutex listeners_mutex_;
  std::vector<std::pair<const void*, std::function<void()>>> listeners_;  // by listeners_mutex_
};

}  // namespace hub::db
