#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hub::text {

// Finds stop strings in a stream of text, also across the borders of its pieces. Bytes that could
// begin a stop string are held back. Of several stop strings the one that is complete first counts
// (of those, the longest), so that the result does not depend on how the text was cut. One thread
// at a time.
class StopMatcher {
 public:
  // Empty strings are ignored.
  explicit StopMatcher(std::vector<std::string> stops);

  // The text that may be shown. Once stopped() is true it ended just before the stop string, and
  // later calls return "".
  std::string push(std::string_view piece);
  // What was held back and turned out harmless.
  std::string flush();
  [[nodiscard]] bool stopped() const { return stopped_; }
  // The stop string that counted; "" while there is none.
  [[nodiscard]] const std::string& found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::string found_;
  bool stopped_ = false;
};

}  // namespace hub::text
