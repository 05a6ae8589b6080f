#include "api/cli/commands.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/server/http_error.h"
#include "api/server/sse.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "tests/unit/api/cli/commands_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using test::Commands;
using test::route;
using ::testing::HasSubstr;
using ::testing::Not;

Route chat(const std::function<Response(const Json& body)>& answer) {
  return route("POST", "/v1/chat/completions", [answer](const Request& request) {
    return answer(Json::parse(request.body));
  });
}

std::string delta(const std::string& text) {
  return Json({{"choices", {{{"index", 0}, {"delta", {{"content", text}}}}}}}).dump();
}

TEST_F(Commands, VersionNeedsNoServer) {
  EXPECT_EQ(run({"version"}), 0);
  EXPECT_EQ(out_.str(), "mlx-hub " HUB_VERSION "\n");
}

TEST_F(Commands, SaysThatNoServerRuns) {
  environment_["MLX_HUB_SERVER"] = "http://127.0.0.1:1";
  EXPECT_EQ(
      error_of({"models"}),
      "cannot reach http://127.0.0.1:1: connection refused; is `mlx-hub serve` running?");
}

TEST_F(Commands, FindsTheServerByFlagEnvironmentAndDataFolder) {
  const ClientSetup setup{
      .program = {},
      .environment = [this](const std::string& name) -> std::optional<std::string> {
        const auto found = environment_.find(name);
        return found == environment_.end() ? std::nullopt : std::optional(found->second);
      },
      .console = {.out = out_, .err = err_}};
  EXPECT_FALSE(find_server(setup, std::nullopt, std::nullopt).found);
  base::write_file_atomically(
      folder_.path() / "server.json",
      Json({{"url", "http://127.0.0.1:9"}, {"pid", ::getpid()}}).dump());
  EXPECT_EQ(find_server(setup, std::nullopt, std::nullopt).url, "http://127.0.0.1:9");
  EXPECT_TRUE(find_server(setup, std::nullopt, std::nullopt).found);
  environment_["MLX_HUB_SERVER"] = "http://env:1/";
  EXPECT_EQ(find_server(setup, std::nullopt, std::nullopt).url, "http://env:1");
  EXPECT_EQ(find_server(setup, "flag:2", std::nullopt).url, "http://flag:2");
  EXPECT_TRUE(find_server(setup, "flag:2", std::nullopt).named);
}

TEST_F(Commands, RunStreamsTheAnswer) {
  Json seen;
  serve({chat([&seen](const Json& body) {
    seen = body;
    return sse_response([](SseWriter& out) {
      out.data(R"({"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]})");
      out.comment();
      out.data(delta("Hé"));
      out.data(delta("llo"));
      out.data(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
      out.data(R"({"choices":[],"usage":{}})");
      out.data("[DONE]");
    });
  })});
  EXPECT_EQ(
      run(
          {"run",
           "m",
           "Say hello",
           "--system",
           "short",
           "--max-tokens",
           "5",
           "--temperature",
           "0.5",
           "--seed",
           "7"}),
      0);
  EXPECT_EQ(out_.str(), "Héllo\n");
  EXPECT_EQ(seen, Json::parse(R"({"model":"m","messages":[{"role":"system","content":"short"},
        {"role":"user","content":"Say hello"}],"max_tokens":5,"temperature":0.5,"seed":7,
        "stream":true})"));
}

TEST_F(Commands, RunTellsRefusalsErrorsAndBrokenAnswers) {
  std::atomic<int> call{0};
  serve({chat([&call](const Json&) -> Response {
    switch (++call) {
      case 1:
        throw base::Error(base::ErrorCode::kNotFound, "no model 'm'", "model", "model_not_found");
      case 2:
        return sse_response([](SseWriter& out) {
          out.data(delta("half"));
          out.data(error_body("the engine stopped", "unavailable_error", {}, "engine_lost"));
        });
      default:
        return sse_response([](SseWriter& out) { out.data(delta("half")); });
    }
  })});
  EXPECT_EQ(error_of({"run", "m", "hi"}), "no model 'm'");
  EXPECT_EQ(error_of({"run", "m", "hi"}), "the engine stopped");
  EXPECT_EQ(out_.str(), "half\n");
  EXPECT_EQ(error_of({"run", "m", "hi"}), "the answer broke off before its end");
}

TEST_F(Commands, RunPrintsTheWholeAnswerAsJson) {
  serve({chat([](const Json& body) {
    EXPECT_FALSE(body.contains("stream"));
    return json_response(200, R"({"id":"chatcmpl-1","choices":[]})");
  })});
  EXPECT_EQ(run({"run", "--json", "m", "hi"}), 0);
  EXPECT_EQ(Json::parse(out_.str())["id"], "chatcmpl-1");
}

TEST_F(Commands, RunReportsAServerThatDoesNotStart) {
  EXPECT_THAT(
      error_of({"run", "m", "hi"}), HasSubstr("the server that this command started ended"));
}

TEST_F(Commands, ModelsInColumnsAndAsJson) {
  serve({route("GET", "/models", [](const Request& request) {
    return request.query_value("cursor").empty()
               ? json_response(
                     200,
                     R"({"data":[{"name":"smollm2-135m-instruct","state":"ready","kind":"base",
                "size_bytes":98200000,"context_length":2048,"base_model":"/m"}],"next_cursor":"c"})")
               : json_response(
                     200,
                     R"({"data":[{"name":"facts","state":"pending","kind":null}],"next_cursor":null})");
  })});
  EXPECT_EQ(run({"models"}), 0);
  EXPECT_EQ(
      out_.str(),
      "NAME                   STATE    KIND  SIZE     CONTEXT  BASE\n"
      "smollm2-135m-instruct  ready    base  98.2 MB  2048     /m\n"
      "facts                  pending  -     -        -        -\n");
  out_.str("");
  EXPECT_EQ(run({"models", "--json"}), 0);
  EXPECT_EQ(Json::parse(out_.str())["data"].size(), 2U);
}

// The routes that `train` uses.
class TrainCommand : public Commands {
 protected:
  void serve_training(int dataset_status) {
    serve(
        {route(
             "POST",
             "/datasets",
             [this, dataset_status](const Request& request) -> Response {
               dataset_ = request.query_value("name");
               bytes_ = base::read_file(request.body_file);
               if (dataset_status == 409) {
                 throw base::Error(base::ErrorCode::kConflict, "exists", "name", "dataset_exists");
               }
               return json_response(201, R"({"id":"d","rows":2})");
             },
             true),
         route(
             "GET",
             "/datasets/{name}",
             [](const Request& request) -> Response {
               if (request.params.at("name") != "registered") {
                 throw base::Error(base::ErrorCode::kNotFound, "no data set");
               }
               return json_response(200, R"({"id":"d","name":"registered"})");
             }),
         route("POST", "/jobs", [this](const Request& request) {
           job_ = Json::parse(request.body);
           return json_response(202, R"({"id":"j1","state":"QUEUED"})");
         })});
    std::ofstream(file_) << "{\"text\":\"a\"}\n{\"text\":\"b\"}\n";
  }

  std::string file_ = (folder_.path() / "my facts.jsonl").string();
  std::string dataset_;
  std::string bytes_;
  Json job_;
};

TEST_F(TrainCommand, UploadsTheFileAndSubmitsTheJob) {
  serve_training(201);
  EXPECT_EQ(
      run(
          {"train",
           "--model",
           "m",
           "--data",
           file_,
           "--name",
           "facts",
           "--set",
           "rank=16",
           "--set",
           "learning_rate=1e-4",
           "--set",
           "method=lora",
           "--set",
           "priority=3"}),
      0);
  EXPECT_EQ(out_.str(), "j1\n");
  EXPECT_THAT(err_.str(), HasSubstr("2 rows"));
  EXPECT_THAT(dataset_, ::testing::MatchesRegex("my-facts-[0-9a-f]{8}"));
  EXPECT_EQ(bytes_, "{\"text\":\"a\"}\n{\"text\":\"b\"}\n");
  EXPECT_EQ(
      job_,
      Json(
          {{"type", "finetune"},
           {"model", "m"},
           {"dataset", dataset_},
           {"priority", 3},
           {"params", {{"rank", 16}, {"learning_rate", 1e-4}, {"method", "lora"}}},
           {"output", {{"name", "facts"}}}}));
}

TEST_F(TrainCommand, UsesADataSetThatIsThere) {
  serve_training(409);
  EXPECT_EQ(run({"train", "--model", "m", "--data", file_}), 0);
  EXPECT_EQ(job_["dataset"], dataset_);
  EXPECT_EQ(run({"train", "--model", "m", "--data", "registered"}), 0);
  EXPECT_EQ(job_["dataset"], "registered");
  EXPECT_FALSE(job_.contains("output"));
  EXPECT_THAT(
      error_of({"train", "--model", "m", "--data", "nothing"}),
      HasSubstr("neither a file nor a registered data set"));
  EXPECT_THAT(
      error_of({"train", "--model", "m", "--data", file_, "--set", "rank"}),
      HasSubstr("wanted key=value"));
}

}  // namespace
}  // namespace hub::api
