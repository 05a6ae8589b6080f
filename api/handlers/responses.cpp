#include "api/handlers/responses.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/inference.h"
#include "api/handlers/stored_stream.h"
#include "api/openai/responses_items.h"
#include "api/openai/responses_request.h"
#include "api/server/sse.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/obs/log.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr std::int64_t kMostItems = 100;  // of a page
constexpr std::int64_t kItemsOfAPage = 20;

// What the answer that the request goes on from had been given, and what it said.
Json conversation_before(hub::Hub& hub, const Request& request, const JsonReader& body) {
  const auto previous = body.optional_string("previous_response_id");
  if (!previous || previous->empty()) {
    return Json::array();
  }
  const registry::StoredResponse stored =
      hub.responses.get(*previous, request.key_id, body.path_of("previous_response_id"));
  Json items = Json::parse(stored.items_json);
  const Json answer = Json::parse(stored.response_json);
  for (const Json& item : answer.at("output")) {
    items.push_back(item);
  }
  return items;
}

// The request with the whole conversation as its input, which is what the engine reads.
std::shared_ptr<const Request> with_conversation(const Request& request, Json body, Json before) {
  const JsonReader reader(body);
  Json items = input_items(reader);
  before.insert(before.end(), items.begin(), items.end());
  body["input"] = std::move(before);
  auto whole = std::make_shared<Request>(request);
  whole->body = body.dump();
  return whole;
}

// Of a stream whose engine ended in the middle.
std::string lost_event(const Error& error) {
  const Json data = {
      {"type", "error"},
      {"code", error.reason()},
      {"message", error.what()},
      {"param", nullptr},
      {"sequence_number", nullptr}};
  return sse_event({.data = data.dump(), .event = "error", .id = {}, .retry_ms = {}});
}

// A failure to store is told to the log only: the answer was made, and its client has it.
void store(
    hub::Hub& hub, const std::string& owner, const std::string& items, std::string_view response) {
  try {
    const auto id = Json::parse(response).at("id").get<std::string>();
    const bool stored = hub.responses.add(
        {.id = id, .owner = owner, .response_json = std::string(response), .items_json = items});
    if (!stored) {
      obs::log::warning("response_not_stored", {{"response", id}, {"reason", "it is too large"}});
    }
  } catch (const std::exception& error) {
    obs::log::error("response_not_stored", {{"error", error.what()}});
  }
}

Response create(hub::Hub& hub, const Request& request) {
  const Json body = base::parse_json(request.body, "the request body");
  const JsonReader reader(body);
  const auto whole = with_conversation(request, body, conversation_before(hub, request, reader));
  const ResponsesRequest asked =
      ResponsesRequest::from_json(base::parse_json(whole->body, "the request body"));
  const GenerationOptions& options = asked.chat.options;
  Response response = pass_to_engine(
      hub,
      *whole,
      {.operation = "chat",
       .model = options.model,
       .keep_alive_seconds = options.keep_alive_seconds,
       .priority = options.priority,
       .lost_text = lost_event});
  request.model = whole->model;
  if (response.status != 200) {
    return response;
  }
  const auto keep = [&hub, owner = request.key_id, items = asked.items->dump()](
                        std::string_view answer) { store(hub, owner, items, answer); };
  if (!response.stream) {
    if (asked.store) {
      keep(response.body);
    }
    return response;
  }
  // The request that was passed on lives as long as its answer.
  response.stream =
      [keep, whole, stores = asked.store, produce = std::move(response.stream)](BodyWriter& out) {
        if (!stores) {
          produce(out);
          return;
        }
        StoredStream stream(out, keep);
        produce(stream);
      };
  return response;
}

Response get(hub::Hub& hub, const Request& request) {
  if (request.query_value("stream") == "true") {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'stream' is not supported as sent: a stored response is whole, leave it out",
        "stream",
        "unsupported_parameter");
  }
  return json_response(
      200, hub.responses.get(request.params.at("response"), request.key_id).response_json);
}

Response remove(hub::Hub& hub, const Request& request) {
  const std::string& id = request.params.at("response");
  hub.responses.remove(id, request.key_id);
  return json_response(
      200, Json{{"id", id}, {"object", "response.deleted"}, {"deleted", true}}.dump());
}

// Only an answer in the background could be stopped by another request than its own.
Response cancel(hub::Hub& hub, const Request& request) {
  static_cast<void>(hub.responses.get(request.params.at("response"), request.key_id));
  throw Error(
      ErrorCode::kInvalidArgument,
      "only responses in the background can be cancelled, and this one has ended",
      {},
      "unsupported_parameter");
}

std::int64_t limit_of(const Request& request) {
  const std::string text = request.query_value("limit");
  if (text.empty()) {
    return kItemsOfAPage;
  }
  const Json number = Json::parse(text, nullptr, false);
  if (!number.is_number_unsigned() || number < 1 || number > kMostItems) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'limit' must be an integer from 1 to {}, got \"{}\"", kMostItems, text),
        "limit");
  }
  return number.get<std::int64_t>();
}

// Where the item with the id `after` stands; throws for one that is not there.
std::size_t place_after(const Json& items, const std::string& after) {
  const auto found =
      std::ranges::find_if(items, [&after](const Json& item) { return item.at("id") == after; });
  if (found == items.end()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'after' must be the id of one of the items, got \"{}\"", after),
        "after");
  }
  return static_cast<std::size_t>(found - items.begin()) + 1;
}

// The newest first, unless `order` is asc.
Response input_items_of(hub::Hub& hub, const Request& request) {
  Json items =
      Json::parse(hub.responses.get(request.params.at("response"), request.key_id).items_json);
  const std::string order = request.query_value("order", "desc");
  if (order != "asc" && order != "desc") {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'order' must be asc or desc, got \"{}\"", order),
        "order");
  }
  if (order == "desc") {
    std::reverse(items.begin(), items.end());
  }
  const std::string after = request.query_value("after");
  const std::size_t begin = after.empty() ? 0 : place_after(items, after);
  const std::size_t end =
      std::min(items.size(), begin + static_cast<std::size_t>(limit_of(request)));
  Json page = Json::array();
  for (std::size_t i = begin; i < end; ++i) {
    page.push_back(items[i]);
  }
  const Json first = page.empty() ? Json(nullptr) : page.front().at("id");
  const Json last = page.empty() ? Json(nullptr) : page.back().at("id");
  return json_response(
      200,
      Json{
          {"object", "list"},
          {"data", std::move(page)},
          {"first_id", first},
          {"last_id", last},
          {"has_more", end < items.size()}}
          .dump());
}

}  // namespace

std::vector<Route> responses_routes(hub::Hub& hub) {
  const auto with_hub = [&hub](Response (*handle)(hub::Hub&, const Request&)) {
    return [&hub, handle](const Request& request) { return handle(hub, request); };
  };
  return {
      {"POST", "/v1/responses", with_hub(create)},
      {"GET", "/v1/responses/{response}", with_hub(get)},
      {"DELETE", "/v1/responses/{response}", with_hub(remove)},
      {"POST", "/v1/responses/{response}/cancel", with_hub(cancel)},
      {"GET", "/v1/responses/{response}/input_items", with_hub(input_items_of)},
  };
}

}  // namespace hub::api
