#include "api/server/http.h"

#include <algorithm>

namespace hub::api {
namespace {

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

}  // namespace

bool HeaderLess::operator()(const std::string& a, const std::string& b) const {
  return std::lexicographical_compare(
      a.begin(), a.end(), b.begin(), b.end(), [](char left, char right) {
        return lower(left) < lower(right);
      });
}

CancelHook& CancelHook::operator=(std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  callback_ = std::move(callback);
  if (fired_ && callback_) {
    callback_();
    callback_ = nullptr;
  }
  return *this;
}

void CancelHook::fire() {
  const std::lock_guard lock(mutex_);
  if (fired_) {
    return;
  }
  fired_ = true;
  if (callback_) {
    callback_();
    callback_ = nullptr;
  }
}

std::string Request::header(std::string_view name) const {
  const auto found = headers.find(std::string(name));
  return found == headers.end() ? std::string() : found->second;
}

std::string Request::query_value(std::string_view name, const std::string& fallback) const {
  const auto found = query.find(std::string(name));
  return found == query.end() ? fallback : found->second;
}

Response json_response(int status, std::string body) {
  Response response;
  response.status = status;
  response.headers["Content-Type"] = "application/json";
  response.body = std::move(body);
  if (response.body.empty() || response.body.back() != '\n') {
    response.body += '\n';
  }
  return response;
}

}  // namespace hub::api
