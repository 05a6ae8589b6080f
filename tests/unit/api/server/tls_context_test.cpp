#include "api/server/tls_context.h"

#include <chrono>
#include <fstream>
#include <future>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "core/base/error.h"
#include "tests/support/certificate.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/api/server/raw_client.h"
#include "tests/unit/api/server/test_server.h"

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

TEST_F(Tls, AKeyOfAnotherTypeThanTheCertificatesIsRefused) {
  renew("a");
  test::write_certificate(folder_.path() / "other.pem", files_.key, "b", true);
  EXPECT_EQ(refusal().first, "tls_key");
  EXPECT_THAT(refusal().second, HasSubstr("belongs to"));
  test::write_certificate(files_.certificate, files_.key, "c", true);
  EXPECT_EQ(refusal().first, "");
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
  test::write_certificate(folder_.path() / "other.pem", files_.key, "other", true);
  pass();
  EXPECT_EQ(SSL_CTX_check_private_key(context.current().native_handle()), 1)
      << "a key of another type, too, leaves what works";
}

TEST_F(Tls, PlainHttpIsRefusedAndRecordedWithTheTimeThatItTook) {
  renew("localhost");
  Server::Options options = test::loopback_options();
  options.tls = files_;
  std::promise<double> recorded;
  options.on_finish = [&recorded](const Access& access) { recorded.set_value(access.seconds); };
  const auto began = std::chrono::steady_clock::now();
  test::TestServer server({test::hello()}, options);
  test::RawClient client(server.port());
  client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.read_answer(), HasSubstr("https_required"));
  const double seconds = recorded.get_future().get();
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began;
  EXPECT_LE(seconds, passed.count());
}

TEST_F(Tls, NothingOlderThanTls12) {
  renew("a");
  TlsContext context(files_);
  EXPECT_EQ(SSL_CTX_get_min_proto_version(context.current().native_handle()), TLS1_2_VERSION);
}

}  // namespace
}  // namespace hub::api
