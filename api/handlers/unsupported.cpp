#include "api/handlers/unsupported.h"

#include <array>
#include <string>
#include <string_view>

namespace hub::api {
namespace {

struct Unsupported {
  std::string_view prefix;
  std::string_view what;  // is not there, and what is instead
};

constexpr std::array<Unsupported, 13> kUnsupported{{
    {"/v1/audio", "speech is neither made nor read: the models of this hub take and give text"},
    {"/v1/images", "images are not made: the models of this hub take and give text"},
    {"/v1/videos", "videos are not made: the models of this hub take and give text"},
    {"/v1/realtime", "there are no realtime sessions; POST /v1/chat/completions streams"},
    {"/v1/moderations", "there is no model that moderates"},
    {"/v1/files", "there is no file store; POST /datasets takes data sets"},
    {"/v1/uploads", "there is no file store; POST /datasets takes data sets"},
    {"/v1/fine_tuning", "fine-tuning has routes of its own: POST /jobs"},
    {"/v1/batches", "there are no batch jobs; send the requests side by side"},
    {"/v1/assistants", "there are no assistants; POST /v1/chat/completions takes tools"},
    {"/v1/threads", "there are no stored threads; POST /v1/chat/completions takes a conversation"},
    {"/v1/vector_stores", "there are no vector stores; POST /v1/embeddings makes vectors"},
    {"/v1/evals", "evaluations have routes of their own: POST /evaluations"},
}};

}  // namespace

std::vector<Route> unsupported_routes() {
  std::vector<Route> routes;
  for (const Unsupported& one : kUnsupported) {
    for (const char* method : {"GET", "POST", "DELETE"}) {
      routes.push_back(
          {.method = method,
           .pattern = std::string(one.prefix) + "/{path*}",
           .handler = nullptr,
           .not_supported = std::string(one.what)});
    }
  }
  return routes;
}

}  // namespace hub::api
