#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "api/server/http.h"

namespace hub::api {

// Passes the event stream of POST /v1/responses on and gives the answer that it ends with to
// `keep`, before the client sees that event: it may go on from the answer at once. An answer that
// failed, or broke off, is not kept. Belongs to one thread.
class StoredStream final : public BodyWriter {
 public:
  // `keep` gets the JSON of the whole response.
  StoredStream(BodyWriter& out, std::function<void(std::string_view)> keep);

  bool write(std::string_view bytes) override;

 private:
  void look_at(std::string_view line) const;

  BodyWriter& out_;
  const std::function<void(std::string_view)> keep_;
  std::string line_;  // that has not ended
};

}  // namespace hub::api
