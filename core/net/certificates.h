#pragma once

#include <filesystem>
#include <vector>

namespace hub::net {

// The file with the certificates of those whom TLS trusts: $SSL_CERT_FILE where it is set, whether
// that exists or not, so that a mistake is told; else the first of `places` that exists; "": what
// libcurl was built with. A libcurl that travels with the hub was built for one distribution only.
std::filesystem::path certificates_file(const std::vector<std::filesystem::path>& places);

// Where the distributions of Linux keep that file. Empty on macOS, whose libcurl asks the system.
std::vector<std::filesystem::path> certificate_places();

}  // namespace hub::net
