#include "api/handlers/openapi.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/handlers/anthropic.h"
#include "api/handlers/inference.h"
#include "api/handlers/llama_cpp.h"
#include "api/handlers/metrics.h"
#include "api/handlers/ollama.h"
#include "api/handlers/responses.h"
#include "api/handlers/system.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using OpenApi = test::HandlerFixture;

std::set<std::string> documented() {
  std::set<std::string> operations;
  const Json document = Json::parse(openapi_document());
  for (const auto& [path, item] : document.at("paths").items()) {
    for (const auto& [key, operation] : item.items()) {
      if (key != "parameters") {
        std::string method = key;
        std::transform(method.begin(), method.end(), method.begin(), [](unsigned char c) {
          return static_cast<char>(std::toupper(c));
        });
        operations.insert(fmt::format("{} {}", method, path));
      }
    }
  }
  return operations;
}

TEST_F(OpenApi, DescribesExactlyTheRoutesThereAre) {
  std::set<std::string> routes;
  for (const auto& table :
       {system_routes(hub),
        inference_routes(hub),
        anthropic_routes(hub),
        ollama_routes(hub),
        llama_cpp_routes(hub),
        responses_routes(hub),
        registry_routes(hub),
        openapi_routes(),
        metric_routes(hub.metrics)}) {
    for (const Route& route : table) {
      routes.insert(route.method + " " + route.pattern);
    }
  }
  EXPECT_EQ(documented(), routes);
}

TEST_F(OpenApi, NamesEveryPathParameter) {
  const Json document = Json::parse(openapi_document());
  const auto name_of = [&](const Json& parameter) {
    if (!parameter.contains("$ref")) {
      return parameter.at("name").get<std::string>();
    }
    const std::string ref = parameter.at("$ref");
    return document.at(Json::json_pointer(ref.substr(1))).at("name").get<std::string>();
  };
  for (const auto& [path, item] : document.at("paths").items()) {
    std::set<std::string> wanted;
    for (std::size_t at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1)) {
      wanted.insert(path.substr(at + 1, path.find('}', at) - at - 1));
    }
    std::set<std::string> named;
    if (item.contains("parameters")) {
      for (const Json& parameter : item.at("parameters")) {
        named.insert(name_of(parameter));
      }
    }
    EXPECT_EQ(named, wanted) << path;
  }
}

// The required fields of a schema are those that the answer has.
void expect_shape(const Json& document, const std::string& schema, const Json& answer) {
  const Json& described = document.at("components").at("schemas").at(schema);
  for (const Json& field : described.at("required")) {
    EXPECT_TRUE(answer.contains(field.get<std::string>())) << schema << " lacks " << field;
  }
  for (const auto& [field, unused] : answer.items()) {
    EXPECT_TRUE(described.at("properties").contains(field)) << schema << " has no " << field;
  }
}

TEST_F(OpenApi, AnswersHaveTheFieldsThatItDescribes) {
  const Json document = Json::parse(openapi_document());
  const Json model = add_chat_model("tiny");
  expect_shape(document, "Model", model);
  const std::string version = model["versions"][0]["id"];
  expect_shape(document, "Version", get("/versions/" + version).json);
  const Json alias = with_body("PUT", "/models/tiny/aliases/production", R"({"version":1})").json;
  expect_shape(document, "Alias", alias);
  const Json dataset = add_dataset("facts");
  expect_shape(document, "Dataset", dataset);
  expect_shape(document, "DatasetReport", dataset["report"]);
  const Json job =
      post("/jobs", {{"type", "finetune"}, {"model", "tiny"}, {"dataset", "facts"}}).json;
  expect_shape(document, "Job", job);
  for (const auto& [name, unused] : job["params"].items()) {
    EXPECT_TRUE(document["components"]["schemas"]["FinetuneParams"]["properties"].contains(name))
        << name;
  }
  for (const auto& [name, described] :
       document["components"]["schemas"]["FinetuneParams"]["properties"].items()) {
    if (name == "optimizer_config") {  // null: the optimizer's own settings, filled in
      EXPECT_TRUE(described["default"].is_null() && job["params"][name].contains("betas"));
      continue;
    }
    EXPECT_EQ(job["params"].value(name, Json("absent")), described["default"]) << name;
  }
  const Json evaluation = post("/evaluations", {{"model", "tiny"}, {"dataset", "facts"}}).json;
  expect_shape(document, "Evaluation", evaluation);
  const auto events = hub.events.after(0, std::nullopt, 1);
  expect_shape(document, "Event", Json::parse(events.at(0).to_json()));
  const Answer refused = get("/models/none");
  expect_shape(document, "Error", refused.json);
}

TEST_F(OpenApi, IsPublished) {
  const Response response = openapi_routes().at(0).handler(Request{});
  EXPECT_EQ(Json::parse(response.body)["openapi"], "3.1.0");
}

}  // namespace
}  // namespace hub::api
