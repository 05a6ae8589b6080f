#include "core/net/http_client.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>

#include <curl/curl.h>
#include <fmt/format.h>

#include "core/base/error.h"
#include "core/net/certificates.h"
#include "core/net/file_body.h"
#include "core/net/transfer_error.h"

namespace hub::net {
namespace {

constexpr std::chrono::milliseconds kLongestBackoff{30'000};

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

struct MimeDeleter {
  void operator()(curl_mime* mime) const { curl_mime_free(mime); }
};
using Mime = std::unique_ptr<curl_mime, MimeDeleter>;

// What the callbacks of one call share.
struct Call {
  const HttpRequest& request;
  const std::function<bool(std::string_view)>* on_data = nullptr;
  const std::function<void(const HttpResponse&)>* on_head = nullptr;  // null once called
  CURL* handle = nullptr;
  HttpResponse response = {};
  bool stopped = false;    // by on_data
  bool too_large = false;  // the collected body
  bool cancelled = false;
  std::exception_ptr failure = {};  // thrown by on_head or on_data: not through libcurl
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  return text;
}

std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& call = *static_cast<Call*>(user);
  const std::string_view line(bytes, size * count);
  if (line.starts_with("HTTP/")) {
    call.response.headers.clear();  // of an earlier answer: redirect, 100 Continue
    return size * count;
  }
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    call.response.headers[lower(line.substr(0, colon))] = trim(line.substr(colon + 1));
  }
  return size * count;
}

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& call = *static_cast<Call*>(user);
  const std::string_view piece(bytes, size * count);
  long status = 0;
  curl_easy_getinfo(call.handle, CURLINFO_RESPONSE_CODE, &status);
  if (call.on_data != nullptr && status < 400) {
    try {
      if (call.on_head != nullptr) {
        call.response.status = static_cast<int>(status);
        (*std::exchange(call.on_head, nullptr))(call.response);
      }
      call.stopped = !(*call.on_data)(piece);
    } catch (...) {
      call.failure = std::current_exception();
      call.stopped = true;
    }
    return call.stopped ? 0 : piece.size();
  }
  if (call.response.body.size() + piece.size() > call.request.body_limit_bytes) {
    call.too_large = true;
    return 0;
  }
  call.response.body += piece;
  return piece.size();
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& call = *static_cast<Call*>(user);
  call.cancelled = call.request.cancelled != nullptr && *call.request.cancelled;
  return call.cancelled ? 1 : 0;
}

// This machine's own addresses never go through a proxy.
std::string no_proxy() {
  std::string list = "localhost,127.0.0.1,::1";
  for (const char* name : {"no_proxy", "NO_PROXY"}) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') {
      return fmt::format("{},{}", value, list);
    }
  }
  return list;
}

bool may_repeat(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD" || request.method == "PUT" ||
         request.method == "DELETE";
}

bool worth_repeating(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

// Waits in steps, so that a cancelled call ends soon.
void wait(const HttpRequest& request, std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) {
    if (request.cancelled != nullptr && *request.cancelled) {
      throw base::Error(base::ErrorCode::kCancelled, "cancelled", {}, "cancelled");
    }
    std::this_thread::sleep_for(std::min(time, std::chrono::milliseconds(50)));
  }
}

void set_target(CURL* handle, const HttpRequest& request) {
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, request.redirects > 0 ? 1L : 0L);
  curl_easy_setopt(handle, CURLOPT_MAXREDIRS, static_cast<long>(request.redirects));
  curl_easy_setopt(handle, CURLOPT_NOPROXY, no_proxy().c_str());
  if (!request.unix_socket.empty()) {
    curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
  }
}

void set_trust(CURL* handle, const HttpRequest& request) {
  static const std::string everybodys = certificates_file(certificate_places()).string();
  const std::string file = request.ca_file.empty() ? everybodys : request.ca_file.string();
  if (!file.empty()) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, file.c_str());
  }
  if (!request.verify_tls) {
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

void set_limits(CURL* handle, const HttpRequest& request) {
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(
      handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  if (request.stall_timeout.count() > 0) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(request.stall_timeout);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, static_cast<long>(seconds.count()));
  }
}

Mime make_form(CURL* handle, const HttpRequest& request) {
  Mime mime(curl_mime_init(handle));
  for (const FormField& field : request.form) {
    curl_mimepart* part = curl_mime_addpart(mime.get());
    curl_mime_name(part, field.name.c_str());
    if (field.file.empty()) {
      curl_mime_data(part, field.value.data(), field.value.size());
    } else if (curl_mime_filedata(part, field.file.c_str()) != CURLE_OK) {
      throw base::Error(
          base::ErrorCode::kNotFound, fmt::format("cannot read {}", field.file.string()));
    }
  }
  return mime;
}

void set_body(CURL* handle, const HttpRequest& request) {
  if (request.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    return;
  }
  if (request.method != "GET" || !request.body.empty()) {
    curl_easy_setopt(
        handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

HeaderList make_headers(const HttpRequest& request) {
  HeaderList list;
  const auto add = [&list](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) {
      throw std::bad_alloc();
    }
    if (!list) {
      list.reset(longer);  // appending keeps the head
    }
  };
  add("User-Agent: mlx-hub/" HUB_VERSION);
  bool typed = false;
  for (const auto& [name, value] : request.headers) {
    if (name.find_first_of("\r\n") != std::string::npos ||
        value.find_first_of("\r\n") != std::string::npos) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument, fmt::format("header {} holds a line break", name));
    }
    add(value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
    typed = typed || lower(name) == "content-type";
  }
  if (!typed && request.form.empty()) {
    add("Content-Type:");  // libcurl would say application/x-www-form-urlencoded
  }
  if (!request.body_file.empty()) {
    add("Expect:");  // no second of waiting for servers that do not know 100-continue
  }
  return list;
}

}  // namespace

std::optional<std::chrono::milliseconds> retry_after(const HttpResponse& response) {
  const std::string text = response.header("retry-after");
  long seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || seconds < 0 || *end != '\0') {
    return std::nullopt;
  }
  return std::chrono::seconds(std::min(seconds, 30L));
}

struct HttpClient::State {
  CURL* handle = nullptr;
};

HttpClient::HttpClient() : state_(std::make_unique<State>()) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  state_->handle = curl_easy_init();
  if (state_->handle == nullptr) {
    throw base::Error(base::ErrorCode::kInternal, "libcurl does not start");
  }
}

HttpClient::~HttpClient() {
  curl_easy_cleanup(state_->handle);
}

HttpResponse HttpClient::stream(
    const HttpRequest& request,
    const std::function<bool(std::string_view)>& on_data,
    const std::function<void(const HttpResponse&)>& on_head) {
  CURL* handle = state_->handle;
  curl_easy_reset(handle);  // keeps connections
  Call call{.request = request};
  call.on_data = on_data ? &on_data : nullptr;
  call.on_head = on_head ? &on_head : nullptr;
  call.handle = handle;
  char detail[CURL_ERROR_SIZE] = "";
  const HeaderList headers = make_headers(request);
  set_target(handle, request);
  set_trust(handle, request);
  set_limits(handle, request);
  Mime form;
  std::optional<FileBody> file;
  if (!request.body_file.empty()) {
    file.emplace(request).attach(handle);
  } else if (request.form.empty()) {
    set_body(handle, request);
  } else {
    form = make_form(handle, request);
    curl_easy_setopt(handle, CURLOPT_MIMEPOST, form.get());
  }
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &call);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &call);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &call);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);

  const CURLcode code = curl_easy_perform(handle);
  long status = 0;
  long system = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(handle, CURLINFO_OS_ERRNO, &system);
  curl_easy_reset(handle);  // nothing refers to `call` any more
  call.response.status = static_cast<int>(status);
  if (call.failure) {
    std::rethrow_exception(call.failure);
  }
  if (call.cancelled) {
    throw base::Error(base::ErrorCode::kCancelled, "cancelled", {}, "cancelled");
  }
  if (call.too_large) {
    throw base::Error(
        base::ErrorCode::kTooLarge,
        fmt::format("{} sent more than {} bytes", destination(request), request.body_limit_bytes));
  }
  if (code != CURLE_OK && !call.stopped) {
    throw_transfer_error(request, code, detail, system);
  }
  return std::move(call.response);
}

HttpResponse HttpClient::send(const HttpRequest& request) {
  auto backoff = request.first_backoff;
  const int attempts = may_repeat(request) ? request.retries + 1 : 1;
  for (int attempt = 1;; ++attempt) {
    const bool last = attempt >= attempts;
    auto pause = backoff;
    try {
      HttpResponse response = stream(request, {});
      if (last || !worth_repeating(response.status)) {
        return response;
      }
      pause = retry_after(response).value_or(backoff);
    } catch (const base::Error& error) {
      if (last || error.code() != base::ErrorCode::kUnavailable) {
        throw;
      }
    }
    wait(request, pause);
    backoff = std::min(backoff * 2, kLongestBackoff);
  }
}

std::string HttpResponse::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

}  // namespace hub::net
