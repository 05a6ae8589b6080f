#include "core/registry/key_secret.h"

#include <array>
#include <string_view>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "core/base/error.h"
#include "core/registry/key_registry.h"

namespace hub::registry {
namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

std::string new_key_secret() {
  std::array<unsigned char, kSecretBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    throw base::Error(
        base::ErrorCode::kUnavailable, "this machine gives no random numbers for a key");
  }
  std::string secret(KeyRegistry::kPrefix);
  unsigned bits = 0;
  unsigned held = 0;
  for (const unsigned char byte : bytes) {
    bits = (bits << 8U) | byte;
    held += 8;
    while (held >= 6) {
      held -= 6;
      secret += kBase64[(bits >> held) & 63U];
    }
    bits &= (1U << held) - 1U;
  }
  secret += kBase64[(bits << (6U - held)) & 63U];
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return secret;
}

}  // namespace hub::registry
