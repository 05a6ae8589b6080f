#include "core/hub/mlflow_options.h"

#include <fstream>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

using testing::HasSubstr;
using testing::Not;

using Variables = std::map<std::string, std::string>;

std::optional<MlflowOptions> options_of(const Config& config, const Variables& variables = {}) {
  return mlflow_options(config, [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

std::string refusal(const Config& config, const Variables& variables = {}) {
  try {
    options_of(config, variables);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "nothing";
}

TEST(MlflowOptions, WithoutAServerThereAreNone) {
  EXPECT_FALSE(options_of({}));
  EXPECT_FALSE(options_of({}, {{"MLFLOW_TRACKING_URI", ""}}));
}

TEST(MlflowOptions, MlflowsVariablesCountWhereNoSettingDoes) {
  const test::TempDir folder;
  const auto file = folder.path() / "ca.pem";
  std::ofstream(file) << "certificates";
  Config config;
  config.mlflow_username = "set";
  const auto options = options_of(
      config,
      {{"MLFLOW_TRACKING_URI", "https://mlflow.example.org/team//"},
       {"MLFLOW_TRACKING_USERNAME", "variable"},
       {"MLFLOW_TRACKING_PASSWORD", "pass"},
       {"MLFLOW_TRACKING_TOKEN", "token"},
       {"MLFLOW_TRACKING_SERVER_CERT_PATH", file.string()},
       {"MLFLOW_TRACKING_INSECURE_TLS", "False"}});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->server.uri, "https://mlflow.example.org/team");
  EXPECT_EQ(options->server.username, "set");
  EXPECT_EQ(options->server.password, "pass");
  EXPECT_EQ(options->server.token, "token");
  EXPECT_EQ(options->server.ca_file, file);
  EXPECT_TRUE(options->server.verify_tls);
}

TEST(MlflowOptions, CertificatesAreLookedAtUnlessAskedOtherwise) {
  Config config;
  config.mlflow_uri = "https://mlflow";
  EXPECT_TRUE(options_of(config)->server.verify_tls);
  EXPECT_FALSE(options_of(config, {{"MLFLOW_TRACKING_INSECURE_TLS", "1"}})->server.verify_tls);
  EXPECT_THAT(
      refusal(config, {{"MLFLOW_TRACKING_INSECURE_TLS", "perhaps"}}),
      HasSubstr("must be true or false, got 'perhaps'"));
  config.mlflow_insecure_tls = true;
  EXPECT_FALSE(options_of(config)->server.verify_tls);
  config.mlflow_ca_file = "/ca.pem";
  EXPECT_THAT(refusal(config), HasSubstr("exclude each other"));
  config.mlflow_insecure_tls = false;
  config.mlflow_ca_file = "/no/such/ca.pem";
  EXPECT_THAT(refusal(config), HasSubstr("cannot read /no/such/ca.pem"));
}

TEST(MlflowOptions, AUrlWithCredentialsIsRefusedWithoutNamingThem) {
  Config config;
  config.mlflow_uri = "https://me:s3cr3t@mlflow/";
  EXPECT_THAT(refusal(config), HasSubstr("no name and password"));
  EXPECT_THAT(refusal(config), Not(HasSubstr("s3cr3t")));
  config.mlflow_uri = "htps://me:s3cr3t@mlflow";
  EXPECT_THAT(refusal(config), Not(HasSubstr("s3cr3t")));
  config.mlflow_uri = "https://mlflow/@team";
  EXPECT_TRUE(options_of(config));
  config.mlflow_uri = "file:///mlruns";
  EXPECT_THAT(refusal(config), HasSubstr("got 'file:///mlruns'"));
}

}  // namespace
}  // namespace hub::hub
