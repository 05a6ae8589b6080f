// multipart/form-data, cut anywhere: the Content-Type header, the pieces' lengths, then the body.
#include <optional>
#include <string>
#include <vector>

#include "api/server/multipart.h"
#include "tests/fuzz/fuzz_target.h"

namespace hub::fuzz {
namespace {

struct Field {
  api::MultipartParser::Part part;
  std::string bytes;
  bool ended = false;
};

// nullopt when it was refused.
std::optional<std::vector<Field>> fields_of(
    std::string_view content_type, const std::vector<std::string_view>& pieces) {
  std::vector<Field> fields;
  const bool whole = accepts([&] {
    api::MultipartParser parser(
        content_type,
        {.begin =
             [&](const api::MultipartParser::Part& part) {
               require(fields.empty() || fields.back().ended, "a part begins when none is open");
               require(!part.name.empty(), "a part has a name");
               require(part.is_file || part.file_name.empty(), "only files have file names");
               fields.push_back({.part = part, .bytes = {}, .ended = false});
             },
         .data =
             [&](std::string_view bytes) {
               require(!fields.empty() && !fields.back().ended, "bytes belong to an open part");
               require(!bytes.empty(), "no news is not told");
               fields.back().bytes += bytes;
             },
         .end =
             [&] {
               require(!fields.empty() && !fields.back().ended, "a part ends once");
               fields.back().ended = true;
             }});
    for (const std::string_view piece : pieces) {
      parser.feed(piece);
    }
    parser.finish();
  });
  require(fields.size() <= 100, "the number of parts is bounded");
  require(!whole || fields.empty() || fields.back().ended, "a complete body ends its parts");
  return whole ? std::optional(std::move(fields)) : std::nullopt;
}

}  // namespace

void run(std::string_view input) {
  Parts parts(input);
  const std::string_view content_type = parts.next();
  const std::string_view lengths = parts.next();
  const std::string_view body = parts.rest();
  const auto whole = fields_of(content_type, {body});
  const auto cut = fields_of(content_type, pieces_of(body, lengths));
  require(whole.has_value() == cut.has_value(), "whether a body is good does not depend on cuts");
  if (!whole) {
    return;
  }
  require(whole->size() == cut->size(), "nor does the number of its parts");
  for (std::size_t i = 0; i < whole->size(); ++i) {
    require((*whole)[i].part.name == (*cut)[i].part.name, "nor do their names");
    require((*whole)[i].part.file_name == (*cut)[i].part.file_name, "nor do their file names");
    require((*whole)[i].bytes == (*cut)[i].bytes, "nor do their bytes");
  }
}

}  // namespace hub::fuzz
