#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include <boost/asio/ssl/context.hpp>

#include "api/server/tls_files.h"

namespace hub::api {

// The certificate and key of a server, for TLS 1.2 and 1.3. Files that were renewed are taken up
// by the connections that come afterwards. One thread.
class TlsContext {
 public:
  // Throws base::Error kInvalidArgument that names the file: missing, no PEM, under a passphrase,
  // or a key that is not the certificate's.
  explicit TlsContext(TlsFiles files);

  // For a new connection. Looks at the files' times, at most once a second; new ones that cannot be
  // used are logged, and the earlier stay in use. Valid until the next call.
  boost::asio::ssl::context& current();

 private:
  struct Times {
    std::filesystem::file_time_type certificate;
    std::filesystem::file_time_type key;
    bool operator==(const Times&) const = default;
  };
  [[nodiscard]] Times look() const;

  const TlsFiles files_;
  Times loaded_;
  std::chrono::steady_clock::time_point looked_;
  std::unique_ptr<boost::asio::ssl::context> context_;
};

}  // namespace hub::api
