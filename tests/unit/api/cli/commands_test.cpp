#include "api/cli/commands.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/server/http_error.h"
#include "api/server/sse.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "tests/unit/api/server/test_server.h"

namespace hub::api {
namespace {

using base::Json;
using test::route;
using ::testing::HasSubstr;
using ::testing::Not;

// A hub that plays its part by a script, and a command line on it.
class Commands : public ::testing::Test {
 protected:
  int run(std::vector<std::string> arguments) {
    int exit_code = -1;
    CLI::App app("test", "mlx-hub");
    add_client_commands(
        app,
        {.program = "/nowhere/mlx-hub",
         .environment = [this](const std::string& name) -> std::optional<std::string> {
           const auto found = environment_.find(name);
           return found == environment_.end() ? std::nullopt : std::optional(found->second);
         },
         .console = {.out = out_, .err = err_, .terminal = terminal_}},
        exit_code);
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
    return exit_code;
  }

  void serve(std::vector<Route> routes) {
    Server::Options options = test::loopback_options();
    options.upload_folder = folder_.path();
    server_ = std::make_unique<test::TestServer>(std::move(routes), std::move(options));
    environment_["MLX_HUB_SERVER"] = (*server_)->endpoints().front();
  }

  std::string error_of(const std::vector<std::string>& arguments) {
    try {
      run(arguments);
    } catch (const base::Error& error) {
      return error.what();
    }
    return "no error";
  }

  test::TempFolder folder_;
  std::map<std::string, std::string> environment_{{"MLX_HUB_DATA_DIR", folder_.path().string()}};
  std::ostringstream out_;
  std::ostringstream err_;
  bool terminal_ = false;
  std::unique_ptr<test::TestServer> server_;
};

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

std::string job_json(const std::string& state, const std::string& reason = "") {
  return Json({{"id", "j1"},
               {"type", "finetune"},
               {"state", state},
               {"reason", reason},
               {"model", "m"},
               {"created_at", "2026-11-23T10:15:30.123Z"},
               {"progress", {{"step", 5}, {"total", 10}}},
               {"result", {{"model", "facts"}, {"version", 1}}}})
      .dump();
}

// A job that queues, runs, loses its connection once, and ends.
class WatchCommand : public Commands {
 protected:
  void serve_job(const std::string& end_state, const std::string& reason) {
    serve(
        {route(
             "GET",
             "/jobs/{id}",
             [this, end_state, reason](const Request&) {
               return json_response(
                   200, ended_ ? job_json(end_state, reason) : job_json("RUNNING"));
             }),
         route(
             "GET",
             "/jobs",
             [](const Request& request) {
               EXPECT_EQ(request.query_value("limit"), "20");
               return json_response(
                   200,
                   R"({"data":[)" + job_json("COMPLETED") + "," +
                       job_json("FAILED", "out of disk") + R"(],"next_cursor":null})");
             }),
         route(
             "POST",
             "/jobs/{id}/cancel",
             [](const Request&) { return json_response(202, job_json("RUNNING")); }),
         route("GET", "/jobs/{id}/events", [this](const Request& request) {
           const std::lock_guard lock(mutex_);
           last_ids_.push_back(request.header("Last-Event-ID"));
           const bool first = last_ids_.size() == 1;
           return sse_response([this, first](SseWriter& out) {
             const auto send = [&out](const std::string& id, const std::string& type, Json data) {
               const std::string text = Json({{"type", type}, {"data", std::move(data)}}).dump();
               out.send({.data = text, .event = type, .id = id, .retry_ms = {}});
             };
             if (first) {
               send("1", "job.progress", {{"step", 1}, {"total", 2}, {"eta_seconds", 65}});
               send(
                   "2", "job.metric", {{"step", 1}, {"train_loss", 1.5}, {"tokens_per_second", 9}});
               throw std::runtime_error("connection lost");
             }
             send("3", "job.metric", {{"step", 2}, {"train_loss", 1.25}});
             ended_ = true;
             send("4", "job.completed", Json::object());
           });
         })});
  }

  std::atomic<bool> ended_{false};
  std::mutex mutex_;
  std::vector<std::string> last_ids_;
};

TEST_F(WatchCommand, PrintsALineAReportAndGoesOnAfterALostConnection) {
  serve_job("COMPLETED", "");
  EXPECT_EQ(run({"jobs", "watch", "j1"}), 0);
  EXPECT_EQ(err_.str(), "step 1  train_loss 1.5000  9 tok/s\nstep 2  train_loss 1.2500\n");
  EXPECT_THAT(out_.str(), HasSubstr("completed: model facts version 1"));
  EXPECT_EQ(last_ids_, (std::vector<std::string>{"", "2"}));
}

TEST_F(WatchCommand, DrawsABarInATerminal) {
  terminal_ = true;
  serve_job("FAILED", "out of disk");
  EXPECT_EQ(run({"jobs", "watch", "j1"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("\r 50% [###############...............] 1/2  1:05 left"));
  EXPECT_THAT(err_.str(), HasSubstr("train_loss 1.2500"));
  EXPECT_THAT(err_.str(), HasSubstr("\njob failed: out of disk\n"));
}

TEST_F(WatchCommand, PrintsEventsAndTheJobAsJsonLines) {
  serve_job("CANCELLED", "asked for");
  EXPECT_EQ(run({"jobs", "watch", "--json", "j1"}), 1);
  std::istringstream lines(out_.str());
  std::vector<Json> parsed;
  for (std::string line; std::getline(lines, line);) {
    parsed.push_back(Json::parse(line));
  }
  ASSERT_EQ(parsed.size(), 5U);
  EXPECT_EQ(parsed[1]["data"]["train_loss"], 1.5);
  EXPECT_EQ(parsed[4]["state"], "CANCELLED");
}

TEST_F(WatchCommand, ListsAndCancels) {
  serve_job("COMPLETED", "");
  EXPECT_EQ(run({"jobs"}), 0);
  EXPECT_EQ(
      out_.str(),
      "ID  TYPE      STATE      STEP  MODEL  RESULT       CREATED\n"
      "j1  finetune  COMPLETED  5/10  m      facts        2026-11-23T10:15:30\n"
      "j1  finetune  FAILED     5/10  m      out of disk  2026-11-23T10:15:30\n");
  out_.str("");
  EXPECT_EQ(run({"jobs", "cancel", "j1"}), 0);
  EXPECT_EQ(out_.str(), "cancelling\n");
}

TEST(Console, Texts) {
  EXPECT_EQ(size_text(999), "999 B");
  EXPECT_EQ(size_text(98'200'000), "98.2 MB");
  EXPECT_EQ(size_text(999'960), "1.0 MB");
  EXPECT_EQ(size_text(5'000'000'000'000'000), "5000.0 TB");
  EXPECT_EQ(duration_text(12.4), "12 s");
  EXPECT_EQ(duration_text(187), "3:07");
  EXPECT_EQ(duration_text(3765), "1:02:45");
  EXPECT_EQ(table({{"A", "B"}, {"ééé", "x"}, {"a", ""}}), "A    B\nééé  x\na\n");
}

}  // namespace
}  // namespace hub::api
