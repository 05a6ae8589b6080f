#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "api/server/http_error.h"
#include "core/base/file.h"
#include "tests/unit/api/cli/commands_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using test::Commands;
using test::route;
using ::testing::HasSubstr;
using ::testing::Not;

class LaunchCommand : public Commands {
 protected:
  LaunchCommand() { environment_["HOME"] = home().string(); }

  void serve_models(int count = 1, int context = 32768) {
    Json models = Json::array();
    for (int i = 0; i < count; ++i) {
      models.push_back({{"id", "m" + std::to_string(i)}});
    }
    const std::string list = Json{{"data", models}}.dump();
    serve(
        {route("GET", "/v1/models", [list](const Request&) { return json_response(200, list); }),
         route(
             "GET",
             "/v1/models/{id}",
             [](const Request& request) {
               if (request.params.at("id") == "nowhere") {
                 return error_response(404, "there is no model \"nowhere\"", "model_not_found");
               }
               return json_response(200, R"({"id":"m0"})");
             }),
         route("GET", "/models/{id}", [context](const Request&) {
           return json_response(200, Json{{"context_length", context}}.dump());
         })});
    url_ = (*server_)->endpoints().front();
  }
  std::filesystem::path home() const { return folder_.path() / "home"; }
  std::string read(const std::string& file) const { return base::read_file(home() / file); }
  void put(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((home() / file).parent_path());
    std::ofstream(home() / file) << text;
  }
  std::string url_;
};

TEST_F(LaunchCommand, PrintsWhatPointsClaudeAtTheHub) {
  serve_models();
  EXPECT_EQ(run({"launch", "claude"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("export ANTHROPIC_BASE_URL='" + url_ + "'\n"));
  EXPECT_THAT(out_.str(), HasSubstr("export ANTHROPIC_MODEL='m0'\n"));
  EXPECT_THAT(out_.str(), HasSubstr("export ANTHROPIC_AUTH_TOKEN=none\n"));
  EXPECT_EQ(err_.str(), "");
  EXPECT_FALSE(std::filesystem::exists(home())) << "nothing is written unless it was asked for";
}

TEST_F(LaunchCommand, AKeyIsNamedAndNeverWritten) {
  serve_models();
  environment_["MLX_HUB_API_KEY"] = "mh-secret";
  for (const char* agent : {"claude", "codex", "opencode"}) {
    EXPECT_EQ(run({"launch", agent}), 0);
    EXPECT_EQ(run({"launch", agent, "--write"}), 0);
  }
  EXPECT_THAT(out_.str(), HasSubstr("ANTHROPIC_AUTH_TOKEN=\"$MLX_HUB_API_KEY\""));
  EXPECT_THAT(out_.str(), HasSubstr("env_key=\"MLX_HUB_API_KEY\""));
  EXPECT_THAT(out_.str(), HasSubstr("{env:MLX_HUB_API_KEY}"));
  EXPECT_THAT(read(".claude/settings.json"), HasSubstr("printenv MLX_HUB_API_KEY"));
  EXPECT_THAT(read(".codex/config.toml"), HasSubstr("env_key = \"MLX_HUB_API_KEY\""));
  for (const std::string& text :
       {out_.str(),
        read(".claude/settings.json"),
        read(".codex/config.toml"),
        read(".config/opencode/opencode.json")}) {
    EXPECT_THAT(text, Not(HasSubstr("mh-secret")));
  }
}

TEST_F(LaunchCommand, WritesClaudesSettingsBesideWhatIsThere) {
  serve_models();
  const std::string before = R"({"theme":"dark","env":{"A":"1","ANTHROPIC_MODEL":"old"}})";
  put(".claude/settings.json", before);
  EXPECT_EQ(run({"launch", "claude", "--write"}), 0);
  const Json written = Json::parse(read(".claude/settings.json"));
  EXPECT_EQ(written["theme"], "dark");
  EXPECT_EQ(written["env"]["A"], "1");
  EXPECT_EQ(written["env"]["ANTHROPIC_MODEL"], "m0");
  EXPECT_EQ(written["env"]["ANTHROPIC_BASE_URL"], url_);
  EXPECT_EQ(read(".claude/settings.json.bak"), before);
  EXPECT_EQ(run({"launch", "claude", "--write"}), 0);
  EXPECT_THAT(err_.str(), HasSubstr("says so already"));
  EXPECT_EQ(read(".claude/settings.json.bak"), before) << "the second time changed nothing";
}

TEST_F(LaunchCommand, WhatWasPrivateStaysSoAndNewFilesAre) {
  namespace fs = std::filesystem;
  serve_models();
  put(".claude/settings.json", "{}");
  const auto mode = [this](const std::string& file) {
    return static_cast<int>(fs::status(home() / file).permissions());
  };
  for (const int wanted : {0600, 0640}) {
    put(".claude/settings.json", "{}");
    fs::remove(home() / ".claude/settings.json.bak");
    fs::permissions(home() / ".claude/settings.json", static_cast<fs::perms>(wanted));
    EXPECT_EQ(run({"launch", "claude", "--write"}), 0);
    EXPECT_EQ(mode(".claude/settings.json"), wanted);
    EXPECT_EQ(mode(".claude/settings.json.bak"), wanted);
  }
  EXPECT_EQ(run({"launch", "codex", "--write"}), 0);
  EXPECT_EQ(mode(".codex/config.toml"), 0600);
}

TEST_F(LaunchCommand, ALinkStaysOneAndWhereItLeadsIsWritten) {
  namespace fs = std::filesystem;
  serve_models();
  put("dotfiles/claude.json", R"({"theme":"dark"})");
  fs::create_directories(home() / ".claude");
  fs::create_symlink("../dotfiles/claude.json", home() / ".claude/settings.json");
  EXPECT_EQ(run({"launch", "claude", "--write"}), 0);
  EXPECT_TRUE(fs::is_symlink(home() / ".claude/settings.json"));
  EXPECT_THAT(read("dotfiles/claude.json"), HasSubstr(url_));
  EXPECT_EQ(read(".claude/settings.json.bak"), R"({"theme":"dark"})");
  fs::create_directories(home() / ".codex");
  fs::create_symlink(home() / "dotfiles/new/codex.toml", home() / ".codex/config.toml");
  EXPECT_EQ(run({"launch", "codex", "--write"}), 0);
  EXPECT_TRUE(fs::is_symlink(home() / ".codex/config.toml"));
  EXPECT_THAT(read("dotfiles/new/codex.toml"), HasSubstr(url_));
}

TEST_F(LaunchCommand, WhatWasThereFirstIsKeptThroughLaterWrites) {
  serve_models(2);
  put(".codex/config.toml", "# mine\n");
  EXPECT_EQ(run({"launch", "codex", "--write", "--model", "m0"}), 0);
  EXPECT_EQ(run({"launch", "codex", "--write", "--model", "m1"}), 0);
  EXPECT_EQ(read(".codex/config.toml.bak"), "# mine\n");
  EXPECT_THAT(err_.str(), HasSubstr("config.toml.bak is there already and stays as it is"));
}

TEST_F(LaunchCommand, TheHelperForAKeyGoesWithTheKeyUnlessItIsTheUsersOwn) {
  serve_models();
  environment_["MLX_HUB_API_KEY"] = "mh-secret";
  EXPECT_EQ(run({"launch", "claude", "--write"}), 0);
  environment_.erase("MLX_HUB_API_KEY");
  EXPECT_EQ(run({"launch", "claude", "--write"}), 0);
  EXPECT_FALSE(Json::parse(read(".claude/settings.json")).contains("apiKeyHelper"));
  put(".claude/settings.json", R"({"apiKeyHelper":"my-keys"})");
  EXPECT_EQ(run({"launch", "claude", "--write"}), 0);
  EXPECT_EQ(Json::parse(read(".claude/settings.json"))["apiKeyHelper"], "my-keys");
}

TEST_F(LaunchCommand, CodexHearsTheContextThatThereIsOrNone) {
  serve_models(1, 4096);
  EXPECT_EQ(run({"launch", "codex"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("-c 'model_context_window=4096' --model 'm0'\n"));
  out_.str("");
  serve_models(1, 0);
  EXPECT_EQ(run({"launch", "codex"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("-c 'web_search=\"disabled\"' --model 'm0'\n"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("model_context_window")));
}

TEST_F(LaunchCommand, WritesCodexsBlockAndReplacesItsOwn) {
  serve_models(2);
  const std::string before = "# mine\nmodel = \"x\"\n[tools]\na = 1";
  put(".codex/config.toml", before);
  EXPECT_EQ(run({"launch", "codex", "--write", "--model", "m0"}), 0);
  const std::string first = read(".codex/config.toml");
  EXPECT_TRUE(first.starts_with(before + "\n\n# >>> mlx-hub launch")) << first;
  EXPECT_THAT(first, HasSubstr("[model_providers.mlx-hub]"));
  EXPECT_THAT(first, HasSubstr("base_url = \"" + url_ + "/v1\""));
  EXPECT_THAT(first, HasSubstr("wire_api = \"responses\""));
  EXPECT_THAT(first, HasSubstr("[profiles.mlx-hub]\nmodel = \"m0\""));
  EXPECT_THAT(first, HasSubstr("model_context_window = 32768"));
  put(".codex/config.toml", first + "[later]\nb = 2\n");
  EXPECT_EQ(run({"launch", "codex", "--write", "--model", "m1"}), 0);
  const std::string second = read(".codex/config.toml");
  EXPECT_THAT(second, HasSubstr("model = \"m1\""));
  EXPECT_THAT(second, HasSubstr("[later]\nb = 2\n"));
  EXPECT_THAT(second, Not(HasSubstr("\"m0\"")));
  EXPECT_EQ(second.find("[model_providers.mlx-hub]"), second.rfind("[model_providers.mlx-hub]"));
}

TEST_F(LaunchCommand, WritesOpencodesProvider) {
  serve_models();
  put(".config/opencode/opencode.json", R"({"provider":{"other":{"a":1}},"model":"other/x"})");
  EXPECT_EQ(run({"launch", "opencode", "--write"}), 0);
  const Json written = Json::parse(read(".config/opencode/opencode.json"));
  EXPECT_EQ(written["model"], "mlx-hub/m0");
  EXPECT_EQ(written["provider"]["other"]["a"], 1);
  EXPECT_EQ(written["provider"]["mlx-hub"]["options"]["baseURL"], url_ + "/v1");
  EXPECT_EQ(written["provider"]["mlx-hub"]["models"]["m0"]["limit"]["context"], 32768);
}

TEST_F(LaunchCommand, TheAgentsOwnVariablesSayWhereTheyLook) {
  serve_models();
  for (const auto& [agent, variable, file] :
       {std::tuple("claude", "CLAUDE_CONFIG_DIR", "x/settings.json"),
        std::tuple("codex", "CODEX_HOME", "x/config.toml"),
        std::tuple("opencode", "XDG_CONFIG_HOME", "x/opencode/opencode.json")}) {
    environment_[variable] = (home() / "x").string();
    EXPECT_EQ(run({"launch", agent, "--write"}), 0);
    EXPECT_TRUE(std::filesystem::exists(home() / file)) << file;
  }
}

TEST_F(LaunchCommand, WhatCannotBeIsSaidAndNothingIsWritten) {
  serve_models(2, 8192);
  EXPECT_THAT(error_of({"launch", "claude"}), HasSubstr("m0, m1"));
  EXPECT_THAT(error_of({"launch", "claude", "--model", "nowhere"}), HasSubstr("nowhere"));
  EXPECT_THAT(error_of({"launch", "vim", "--model", "m0"}), HasSubstr("claude, codex"));
  put(".claude/settings.json", "{ // mine\n}");
  EXPECT_THAT(
      error_of({"launch", "claude", "--model", "m0", "--write"}), HasSubstr("nothing was changed"));
  EXPECT_EQ(read(".claude/settings.json"), "{ // mine\n}");
  put(".codex/config.toml", "[model_providers.mlx-hub]\n");
  EXPECT_THAT(
      error_of({"launch", "codex", "--model", "m0", "--write"}), HasSubstr("take it out first"));
  EXPECT_THAT(err_.str(), HasSubstr("8192 tokens"));
  environment_["MLX_HUB_SERVER"] = "http://127.0.0.1:9";
  EXPECT_THAT(error_of({"launch", "claude"}), HasSubstr("cannot reach"));
}

}  // namespace
}  // namespace hub::api
