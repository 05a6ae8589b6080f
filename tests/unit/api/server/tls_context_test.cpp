#include "api/server/tls_context.h"

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "core/base/error.h"
#include "tests/support/certificate.h"
#include "tests/support/temp_dir.h"

namespace hub::api {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Tls : public ::testing::Test {
 protected:
  void renew(const std::string& name) const {
    test::write_certificate(files_.certificate, files_.key, name);
  }
  void put(const fs::path& file, const std::string& text) const { std::ofstream(file) << text; }

  // The subject of the certificate that new connections get.
  static std::string served(TlsContext& context) {
    X509* certificate = SSL_CTX_get0_certificate(context.current().native_handle());
    char* text = X509_NAME_oneline(X509_get_subject_name(certificate), nullptr, 0);
    std::string name(text);
    OPENSSL_free(text);
    return name;
  }

  // As refused at the start: the setting and the message.
  [[nodiscard]] std::pair<std::string, std::string> refusal() const {
    try {
      const TlsContext context(files_);
      return {};
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
      return {std::string(error.param()), error.what()};
    }
  }

  test::TempDir folder_;
  const TlsFiles files_{folder_.path() / "cert.pem", folder_.path() / "key.pem"};
};

TEST_F(Tls, FilesThatCannotServeAreNamed) {
  EXPECT_EQ(refusal().first, "tls_cert");
  EXPECT_THAT(refusal().second, HasSubstr("there is no such file"));
  renew("a");
  EXPECT_EQ(refusal().first, "");
  put(files_.certificate, "no PEM");
  EXPECT_EQ(refusal().first, "tls_cert");
  renew("a");
  put(files_.key, "no PEM");
  EXPECT_EQ(refusal().first, "tls_key");
  renew("a");
  test::write_certificate(folder_.path() / "other.pem", files_.key, "b");
  EXPECT_EQ(refusal().first, "tls_key");
  EXPECT_THAT(refusal().second, HasSubstr("belongs to"));
  fs::remove(files_.key);
  EXPECT_EQ(refusal().first, "tls_key");
}

TEST_F(Tls, RenewedFilesAreTakenUpAndBrokenOnesAreNot) {
  renew("first");
  TlsContext context(files_);
  EXPECT_THAT(served(context), HasSubstr("first"));
  const auto pass = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1100)); };
  renew("second");
  pass();  // files are looked at once a second
  EXPECT_THAT(served(context), HasSubstr("second"));
  put(files_.certificate, "half a file");
  pass();
  EXPECT_THAT(served(context), HasSubstr("second"));
  renew("third");
  pass();
  EXPECT_THAT(served(context), HasSubstr("third"));
}

TEST_F(Tls, NothingOlderThanTls12) {
  renew("a");
  TlsContext context(files_);
  EXPECT_EQ(SSL_CTX_get_min_proto_version(context.current().native_handle()), TLS1_2_VERSION);
}

}  // namespace
}  // namespace hub::api
