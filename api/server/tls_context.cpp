#include "api/server/tls_context.h"

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <boost/asio/ssl/error.hpp>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/base/error.h"
#include "core/obs/log.h"

// Asio returns the error that it also stores in the argument.
// NOLINTBEGIN(bugprone-unused-return-value)

namespace hub::api {
namespace {

namespace fs = std::filesystem;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

constexpr auto kTimeBetweenLooks = std::chrono::seconds(1);

[[noreturn]] void refuse(const char* setting, const fs::path& file, std::string_view why) {
  throw base::Error(
      base::ErrorCode::kInvalidArgument,
      fmt::format("{} {}: {}", setting, file.string(), why),
      setting,
      "tls_file_unusable");
}

// Application-Layer Protocol Negotiation (RFC 7301): HTTP/1.1 where the client names it; one that
// names only others is served all the same.
int choose_protocol(
    SSL* /*ssl*/,
    const unsigned char** chosen,
    unsigned char* size,
    const unsigned char* offered,
    unsigned int offered_size,
    void* /*unused*/) {
  constexpr std::string_view http = "http/1.1";
  for (unsigned int at = 0; at < offered_size; at += 1U + offered[at]) {
    const unsigned int length = offered[at];
    if (at + 1U + length > offered_size) {
      break;
    }
    const std::string_view name(reinterpret_cast<const char*>(offered) + at + 1, length);
    if (name == http) {
      *chosen = offered + at + 1;
      *size = offered[at];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_NOACK;
}

std::unique_ptr<ssl::context> load(const TlsFiles& files) {
  auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
  SSL_CTX* native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);  // of connections that are idle
  SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);
  // A server asks nobody: without this OpenSSL would wait at the terminal.
  context->set_password_callback([](std::size_t, ssl::context::password_purpose) { return ""; });
  error_code error;
  context->use_certificate_chain_file(files.certificate.string(), error);
  if (error) {
    refuse("tls_cert", files.certificate, "no certificate in PEM: " + error.message());
  }
  context->use_private_key_file(files.key.string(), ssl::context::pem, error);
  // A key of another type than the certificate's is loaded all the same: it lies beside it.
  if (!error && SSL_CTX_check_private_key(native) != 1) {
    error = error_code(static_cast<int>(ERR_get_error()), boost::asio::error::get_ssl_category());
    ERR_clear_error();
  }
  if (error) {
    refuse(
        "tls_key",
        files.key,
        fmt::format(
            "no private key in PEM without a passphrase that belongs to {}: {}",
            files.certificate.string(),
            error.message()));
  }
  return context;
}

fs::file_time_type time_of(const fs::path& file) {
  std::error_code gone;
  const auto time = fs::last_write_time(file, gone);
  return gone ? fs::file_time_type::min() : time;
}

}  // namespace

TlsContext::TlsContext(TlsFiles files)
    : files_(std::move(files)), loaded_(look()), looked_(std::chrono::steady_clock::now()) {
  for (const auto& [setting, file] :
       {std::pair("tls_cert", files_.certificate), std::pair("tls_key", files_.key)}) {
    std::error_code ignored;
    if (!fs::is_regular_file(file, ignored)) {
      refuse(setting, file, "there is no such file");
    }
  }
  context_ = load(files_);
}

TlsContext::Times TlsContext::look() const {
  return {time_of(files_.certificate), time_of(files_.key)};
}

ssl::context& TlsContext::current() {
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_ < kTimeBetweenLooks) {
    return *context_;
  }
  looked_ = now;
  const Times found = look();
  if (found == loaded_) {
    return *context_;
  }
  loaded_ = found;  // unusable ones are told of once: when the second of the two comes it goes on
  try {
    context_ = load(files_);
    obs::log::info("tls_files_reloaded", {{"certificate", files_.certificate.string()}});
  } catch (const base::Error& error) {
    obs::log::error("tls_files_unusable", {{"error", error.what()}});
  }
  return *context_;
}

}  // namespace hub::api

// NOLINTEND(bugprone-unused-return-value)
