#include "api/server/negotiation.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>

#include <fmt/format.h>
#include <zlib.h>

#include "api/server/admission.h"
#include "api/server/http_error.h"

namespace hub::api {
namespace {

constexpr std::size_t kLeastPacked = 1024;
// 122 kB of openapi.json become 26 kB in 1.7 ms; with the default, 6, 23 kB in 3.8 ms.
constexpr int kLevel = 3;
constexpr int kGzipWindow = 15 + 16;  // zlib.h: 32 KiB, with gzip's header
constexpr std::array<std::string_view, 6> kPackedTypes{
    "application/json",
    "application/x-ndjson",
    "text/csv",
    "text/markdown",
    "text/plain",
    "image/svg+xml"};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return out;
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// "0.25" in thousandths; 1000 for what is no weight (RFC 9110, section 12.4.2).
int weight_of(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') ||
      (text.size() > 1 && text[1] != '.')) {
    return 1000;
  }
  int weight = (text[0] - '0') * 1000;
  int digit = 100;
  for (const char letter : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (letter < '0' || letter > '9') {
      return 1000;
    }
    weight += (letter - '0') * digit;
    digit /= 10;
  }
  return std::min(weight, 1000);
}

struct Offer {
  std::string name;
  int weight = 1000;
};

// "gzip;q=0.5, br" as names in lower case with weights; other parameters are left out.
std::vector<Offer> read_list(std::string_view header) {
  std::vector<Offer> offers;
  while (!header.empty()) {
    const std::size_t comma = header.find(',');
    std::string_view item = header.substr(0, comma);
    header.remove_prefix(comma == std::string_view::npos ? header.size() : comma + 1);
    std::size_t semicolon = item.find(';');
    Offer offer{.name = lower(trim(item.substr(0, semicolon)))};
    while (semicolon != std::string_view::npos) {
      item.remove_prefix(semicolon + 1);
      semicolon = item.find(';');
      const std::string parameter = lower(trim(item.substr(0, semicolon)));
      if (parameter.starts_with("q=")) {
        offer.weight = weight_of(std::string_view(parameter).substr(2));
      }
    }
    if (!offer.name.empty()) {
      offers.push_back(std::move(offer));
    }
  }
  return offers;
}

// Of a name, else of "*"; `absent` where neither is there.
int weight_in(const std::vector<Offer>& offers, std::string_view name, int absent) {
  int any = absent;
  for (const Offer& offer : offers) {
    if (offer.name == name) {
      return offer.weight;
    }
    any = offer.name == "*" ? offer.weight : any;
  }
  return any;
}

// "" where zlib has no memory: the answer then goes as it is.
std::string gzip(std::string_view bytes) {
  z_stream stream{};
  if (bytes.size() > std::numeric_limits<uInt>::max() ||
      ::deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return {};
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, ::deflateEnd);
  std::string packed(::deflateBound(&stream, bytes.size()), '\0');
  // zlib does not write to its input.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // NOLINT
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  if (::deflate(&stream, Z_FINISH) != Z_STREAM_END) {
    return {};
  }
  packed.resize(stream.total_out);
  return packed;
}

std::string type_of_answer(const Response& response) {
  const auto type = response.headers.find("Content-Type");
  return type == response.headers.end() ? "" : media_type(type->second);
}

void vary_by(Headers& headers, std::string_view name) {
  const auto [vary, is_new] = headers.emplace("Vary", name);
  if (!is_new && vary->second.find(name) == std::string::npos) {
    vary->second += fmt::format(", {}", name);
  }
}

}  // namespace

std::string_view choose_coding(
    std::string_view accept_encoding, const std::vector<std::string_view>& there) {
  const std::vector<Offer> offers = read_list(accept_encoding);
  std::string_view best;
  int best_weight = 0;
  for (const std::string_view coding : there) {
    if (const int weight = weight_in(offers, coding, 0); weight > best_weight) {
      best = coding;
      best_weight = weight;
    }
  }
  // Unless the client names it, the body as it is comes last.
  const bool named = std::any_of(
      offers.begin(), offers.end(), [](const Offer& offer) { return offer.name == "identity"; });
  return named && weight_in(offers, "identity", 0) > best_weight ? std::string_view() : best;
}

bool takes_media(std::string_view accept, std::string_view media_type) {
  const std::vector<Offer> offers = read_list(accept);
  if (offers.empty() || media_type.empty()) {
    return true;
  }
  const std::string group = fmt::format("{}/*", media_type.substr(0, media_type.find('/')));
  for (const std::string_view name :
       {media_type, std::string_view(group), std::string_view("*/*")}) {
    for (const Offer& offer : offers) {
      if (offer.name == name || (name == "*/*" && offer.name == "*")) {
        return offer.weight > 0;  // the most specific one counts
      }
    }
  }
  return false;
}

void pack(Response& response, const Request& request) {
  const std::string type = type_of_answer(response);
  const auto* const packs = std::find(kPackedTypes.begin(), kPackedTypes.end(), type);
  const auto caching = response.headers.find("Cache-Control");
  const bool secret = caching != response.headers.end() && caching->second == "no-store";
  if (response.body.size() < kLeastPacked || packs == kPackedTypes.end() || secret ||
      response.headers.contains("Content-Encoding")) {
    return;
  }
  vary_by(response.headers, "Accept-Encoding");
  if (choose_coding(request.header("Accept-Encoding"), {"gzip"}).empty()) {
    return;
  }
  std::string packed = gzip(response.body);
  if (packed.empty() || packed.size() >= response.body.size()) {
    return;
  }
  response.body = std::move(packed);
  response.headers["Content-Encoding"] = "gzip";
  // A tag names bytes: those before packing are others.
  if (const auto tag = response.headers.find("ETag");
      tag != response.headers.end() && !tag->second.starts_with("W/")) {
    tag->second = "W/" + tag->second;
  }
}

std::optional<Response> not_acceptable(const Response& response, const Request& request) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  const std::string type = type_of_answer(response);
  if (!reads || response.status != 200 || request.route.starts_with("/v1/") ||
      takes_media(request.header("Accept"), type)) {
    return std::nullopt;
  }
  return error_response(
      406,
      fmt::format("{} answers {}, which the request's Accept leaves out", request.path, type),
      "not_acceptable");
}

}  // namespace hub::api
