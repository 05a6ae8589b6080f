#include "core/net/certificates.h"

#include <cstdlib>
#include <system_error>

namespace hub::net {

std::filesystem::path certificates_file(const std::vector<std::filesystem::path>& places) {
  if (const char* named = std::getenv("SSL_CERT_FILE"); named != nullptr && *named != '\0') {
    return named;
  }
  for (const std::filesystem::path& place : places) {
    std::error_code error;
    if (std::filesystem::is_regular_file(place, error)) {
      return place;
    }
  }
  return {};
}

std::vector<std::filesystem::path> certificate_places() {
#ifdef __APPLE__
  return {};
#else
  return {
      "/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Arch
      "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora, Red Hat
      "/etc/ssl/ca-bundle.pem",              // openSUSE
      "/etc/ssl/cert.pem"};
#endif
}

}  // namespace hub::net
