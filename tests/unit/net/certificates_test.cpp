#include "core/net/certificates.h"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace hub::net {
namespace {

class Certificates : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* value = std::getenv("SSL_CERT_FILE")) {
      before_ = value;
    }
    ::unsetenv("SSL_CERT_FILE");
  }
  void TearDown() override {
    if (before_.empty()) {
      ::unsetenv("SSL_CERT_FILE");
    } else {
      ::setenv("SSL_CERT_FILE", before_.c_str(), 1);
    }
  }

  const test::TempDir folder_;

 private:
  std::string before_;
};

TEST_F(Certificates, AreTheNamedElseTheFirstThatExists) {
  const auto second = folder_.write("second.pem", "");
  EXPECT_EQ(certificates_file({folder_.path() / "first.pem", second}), second);
  EXPECT_EQ(certificates_file({folder_.path() / "first.pem", folder_.path()}), "");
  ::setenv("SSL_CERT_FILE", "/srv/own.pem", 1);
  EXPECT_EQ(certificates_file({second}), "/srv/own.pem");
}

}  // namespace
}  // namespace hub::net
