#pragma once

#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/text/rust/hub_text.h"

namespace hub::text {

// Bytes that the Rust library handed over; released at the end of the scope.
class RustText {
 public:
  RustText() = default;
  ~RustText() { hub_text_free(text_); }
  RustText(const RustText&) = delete;
  RustText& operator=(const RustText&) = delete;

  HubText* out() { return &text_; }
  [[nodiscard]] std::string_view view() const { return {text_.data, text_.size}; }
  [[nodiscard]] std::string str() const { return std::string(view()); }

 private:
  HubText text_{nullptr, 0};
};

// Calls a function of hub_text.h with `arguments` and a place for its error. A status other than
// HUB_TEXT_OK becomes an Error whose message begins with `what`: bad input kInvalidArgument, a bad
// file kUnprocessable, a panic kInternal.
template <typename Function, typename... Arguments>
void rust_call(std::string_view what, Function function, Arguments... arguments) {
  RustText error;
  const int status = function(arguments..., error.out());
  if (status == HUB_TEXT_OK) {
    return;
  }
  const auto code = status == HUB_TEXT_BAD_INPUT  ? base::ErrorCode::kInvalidArgument
                    : status == HUB_TEXT_BAD_FILE ? base::ErrorCode::kUnprocessable
                                                  : base::ErrorCode::kInternal;
  throw base::Error(code, std::string(what).append(error.view()));
}

}  // namespace hub::text
