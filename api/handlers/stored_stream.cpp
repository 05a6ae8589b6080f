#include "api/handlers/stored_stream.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "api/openai/responses_response.h"
#include "core/base/json.h"

namespace hub::api {

using base::Json;

StoredStream::StoredStream(BodyWriter& out, std::function<void(std::string_view)> keep)
    : out_(out), keep_(std::move(keep)) {}

bool StoredStream::write(std::string_view bytes) {
  line_ += bytes;
  std::size_t begin = 0;
  for (std::size_t end = line_.find('\n'); end != std::string::npos;
       end = line_.find('\n', begin)) {
    look_at(std::string_view(line_).substr(begin, end - begin));
    begin = end + 1;
  }
  line_.erase(0, begin);
  return out_.write(bytes);
}

// The engine writes an event's type as the first of its members.
void StoredStream::look_at(std::string_view line) const {
  constexpr std::string_view start = "data: {\"type\":\"";
  if (!line.starts_with(start)) {
    return;
  }
  const std::string_view type =
      line.substr(start.size(), line.find('"', start.size()) - start.size());
  if (type != ResponsesFormat::kCompleted && type != ResponsesFormat::kIncomplete) {
    return;
  }
  const Json event = Json::parse(line.substr(std::string_view("data: ").size()), nullptr, false);
  if (event.is_object() && event.contains("response")) {
    keep_(event.at("response").dump());
  }
}

}  // namespace hub::api
