#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/server/http.h"

namespace hub::api {

// What a client takes, by its Accept headers (RFC 9110, section 12.5).

// Of the codings that a body is there in ("br", "gzip"), ours first, the one with the highest
// weight in an Accept-Encoding; "" is the body as it is: also where nothing that it takes is there.
std::string_view choose_coding(
    std::string_view accept_encoding, const std::vector<std::string_view>& there);

// True where an Accept names the media type, or is empty: "text/html;q=0.9, application/*".
bool takes_media(std::string_view accept, std::string_view media_type);

// Packs the body of an answer with gzip where its client takes that and it is worth it: text of
// 1 KiB and more, neither packed already nor secret (Cache-Control: no-store). Says in Vary that
// the client's word decided, in either case.
void pack(Response& response, const Request& request);

// The 406 in place of a GET's answer of a type that its Accept leaves out. Not of routes that
// generate: their clients say application/json and read the event stream that they asked for in
// the body.
std::optional<Response> not_acceptable(const Response& response, const Request& request);

}  // namespace hub::api
