// Event streams, cut anywhere: the pieces' lengths, then the stream.
#include <string>
#include <vector>

#include "core/net/sse_reader.h"
#include "tests/fuzz/fuzz_target.h"

namespace hub::fuzz {
namespace {

using net::SseReader;

std::vector<SseReader::Event> events_of(const std::vector<std::string_view>& pieces) {
  SseReader reader;
  std::vector<SseReader::Event> events;
  for (const std::string_view piece : pieces) {
    require(
        reader.feed(
            piece,
            [&](const SseReader::Event& event) {
              require(event.id == reader.last_id(), "an event has the last id");
              events.push_back(event);
              return true;
            }),
        "a reader that nobody stopped goes on");
  }
  require(!reader.retry() || reader.retry()->count() >= 0, "a wait is not negative");
  return events;
}

}  // namespace

void run(std::string_view input) {
  Parts parts(input);
  const std::string_view lengths = parts.next();
  const std::string_view stream = parts.rest();
  const auto whole = events_of({stream});
  const auto cut = events_of(pieces_of(stream, lengths));
  require(whole.size() == cut.size(), "events do not depend on cuts");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    require(whole[i].event == cut[i].event && whole[i].data == cut[i].data, "nor their fields");
    require(whole[i].id == cut[i].id, "nor their ids");
    require(whole[i].data.size() <= stream.size(), "an event is no longer than its stream");
  }
}

}  // namespace hub::fuzz
