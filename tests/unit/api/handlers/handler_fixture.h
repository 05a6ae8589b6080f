#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/handlers/registry_routes.h"
#include "api/server/http_error.h"
#include "api/server/router.h"
#include "core/base/json.h"
#include "core/hub/hub.h"
#include "tests/support/small_model.h"
#include "tests/support/temp_dir.h"

namespace hub::test {

// A hub on a folder of its own, never started (no job runs, no default model), and its routes
// called without HTTP.
class HandlerFixture : public ::testing::Test {
 protected:
  struct Answer {
    int status = 0;
    base::Json json;  // null when the body is no JSON
    api::Response response;
    std::shared_ptr<api::Request> request;  // as the server does: it lives as long as its answer

    [[nodiscard]] std::string code() const { return error("code"); }
    [[nodiscard]] std::string param() const { return error("param"); }
    [[nodiscard]] std::string message() const { return error("message"); }

   private:
    [[nodiscard]] std::string error(const char* field) const {
      const base::Json& value = json.at("error").at(field);
      return value.is_string() ? value.get<std::string>() : "null";
    }
  };

  static hub::Config config(const TempDir& folder) {
    hub::Config config;
    config.data_dir = folder.path() / "data";
    config.worker_executable = "/nothing";
    config.memory_budget_bytes = 1ULL << 30U;
    config.drain_timeout_seconds = 0;
    config.hf_endpoint = "http://127.0.0.1:9";  // nobody answers there
    config.hf_cache = folder.path() / "hf";
    std::filesystem::create_directories(config.data_dir);
    return config;
  }

  // The request as the server would make it of "path?query".
  api::Request request(const std::string& method, const std::string& target) const {
    api::Request made;
    made.method = method;
    made.target = target;
    made.path = target.substr(0, target.find('?'));
    made.request_id = "test";
    if (target.find('?') != std::string::npos) {
      std::string rest = target.substr(target.find('?') + 1);
      while (!rest.empty()) {
        const std::string pair = rest.substr(0, rest.find('&'));
        made.query[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
        rest = pair.size() == rest.size() ? "" : rest.substr(pair.size() + 1);
      }
    }
    const auto match = router.match(method, made.path);
    if (match.route != nullptr) {
      made.params = match.params;
      made.route = match.route->pattern;
    }
    return made;
  }

  Answer send(const api::Request& made) {
    const auto match = router.match(made.method, made.path);
    Answer answer;
    if (match.route == nullptr) {
      ADD_FAILURE() << "no route " << made.method << " " << made.path;
      return answer;
    }
    answer.request = std::make_shared<api::Request>(made);
    answer.response = api::answer(match.route->handler, *answer.request);
    answer.status = answer.response.status;
    answer.json = base::Json::parse(answer.response.body, nullptr, false);
    if (answer.json.is_discarded()) {
      answer.json = nullptr;
    }
    return answer;
  }

  Answer get(const std::string& target) { return send(request("GET", target)); }
  Answer del(const std::string& target) { return send(request("DELETE", target)); }
  Answer with_body(
      const std::string& method,
      const std::string& target,
      const std::string& body,
      const std::string& key = {}) {
    api::Request made = request(method, target);
    made.body = body;
    made.headers["Content-Type"] = "application/json";
    if (!key.empty()) {
      made.headers["Idempotency-Key"] = key;
    }
    return send(made);
  }
  Answer post(const std::string& target, const base::Json& body, const std::string& key = {}) {
    return with_body("POST", target, body.dump(), key);
  }

  // A model folder that passes every check. Below the data folder, hence allowed.
  std::filesystem::path model_folder(const std::string& name, char fill = 1) {
    return write_small_model(files.path() / "data/imports" / name, fill);
  }
  std::filesystem::path adapter_folder(
      const std::string& name, const std::string& base_digest = {}, char fill = 1) {
    return write_small_adapter(files.path() / "data/imports" / name, base_digest, fill);
  }

  // The same with a tokenizer and a chat template: jobs look how long their rows are.
  base::Json add_chat_model(const std::string& name, char fill = 1) {
    const auto folder = model_folder("src-" + name, fill);
    std::filesystem::copy_file(
        std::filesystem::path(HUB_SOURCE_DIR) /
            "tests/golden/text/tokenizers/sentencepiece_style/tokenizer.json",
        folder / "tokenizer.json");
    static_cast<void>(files.write(
        "data/imports/src-" + name + "/tokenizer_config.json",
        R"json({"eos_token":"</s>","chat_template":"{% for message in messages %}<|im_start|>{{ message.role }} {{ message.content }}<|im_end|>{% endfor %}"})json"));
    const Answer answer = post("/models", {{"name", name}, {"base_model", folder.string()}});
    EXPECT_EQ(answer.status, 201) << answer.response.body;
    return answer.json;
  }

  // Registers a ready model of its own contents.
  base::Json add_model(const std::string& name, char fill = 1) {
    const Answer answer = post(
        "/models", {{"name", name}, {"base_model", model_folder("src-" + name, fill).string()}});
    EXPECT_EQ(answer.status, 201) << answer.response.body;
    return answer.json;
  }

  base::Json add_dataset(const std::string& name, int rows = 3) {
    const Answer answer =
        post("/datasets", {{"name", name}, {"path", data_file(name + ".jsonl", rows).string()}});
    EXPECT_EQ(answer.status, 201) << answer.response.body;
    return answer.json;
  }

  std::filesystem::path data_file(const std::string& name, int rows) {
    std::string text;
    for (int i = 0; i < rows; ++i) {
      text += R"({"messages":[{"role":"user","content":"q)" + std::to_string(i) +
              R"("},{"role":"assistant","content":"a"}]})" + "\n";
    }
    return files.write("data/imports/" + name, text);
  }

  TempDir files;
  hub::Hub hub{config(files)};
  api::Router router{api::registry_routes(hub)};
};

// Keeps what a stream writes; says that the client is gone after `limit` writes.
class Recorder final : public api::BodyWriter {
 public:
  explicit Recorder(int limit = 1'000'000) : limit_(limit) {}
  bool write(std::string_view bytes) override {
    text += bytes;
    return ++writes_ < limit_;
  }
  std::string text;

 private:
  int limit_;
  int writes_ = 0;
};

}  // namespace hub::test
