#pragma once

#include <filesystem>

namespace hub::api {

// Where a server's certificate comes from, both in PEM.
struct TlsFiles {
  std::filesystem::path certificate;  // with the intermediate ones after it
  std::filesystem::path key;          // without a passphrase
};

}  // namespace hub::api
