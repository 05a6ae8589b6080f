#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace hub::test {

// Writes a new private key, and a certificate of it that vouches for itself, as PEM. `name` is its
// subject. An elliptic curve's key, or one of RSA.
inline void write_certificate(
    const std::filesystem::path& certificate,
    const std::filesystem::path& key,
    const std::string& name,
    bool rsa = false) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> pair(
      rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> made(X509_new(), X509_free);
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
  X509_set_pubkey(made.get(), pair.get());
  X509_NAME* subject = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(
      subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(made.get(), subject);
  X509_sign(made.get(), pair.get(), EVP_sha256());
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
  const File certificate_file(std::fopen(certificate.c_str(), "w"), std::fclose);
  const File key_file(std::fopen(key.c_str(), "w"), std::fclose);
  if (!certificate_file || !key_file || PEM_write_X509(certificate_file.get(), made.get()) != 1 ||
      PEM_write_PrivateKey(key_file.get(), pair.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    throw std::runtime_error("cannot write a certificate");
  }
}

}  // namespace hub::test
