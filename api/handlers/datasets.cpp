#include "api/handlers/datasets.h"

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/dataset_source.h"
#include "api/handlers/idempotency.h"
#include "api/handlers/record_json.h"
#include "api/handlers/request_json.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/base/lenient_json.h"
#include "core/data/preview.h"
#include "core/data/report.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr int kDefaultLength = 2048;

// `?max_seq_length=` of reports and previews.
int read_length(const Request& request) {
  const std::string text = request.query_value("max_seq_length");
  if (text.empty()) {
    return kDefaultLength;
  }
  const auto number = base::parse_json_if_valid(text);
  if (!number) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "query parameter 'max_seq_length' must be an integer, got \"{}\"", text.substr(0, 60)),
        "max_seq_length");
  }
  const Json object = {{"max_seq_length", *number}};
  return static_cast<int>(
      JsonReader(object).optional_int("max_seq_length", 8, 1 << 20).value_or(kDefaultLength));
}

// The uploaded file's own name without its extension, where the client gave no other.
std::string upload_name(const Request& request) {
  std::string name = request.query_value("name");
  if (name.empty()) {
    name = request.file_name.substr(0, request.file_name.rfind('.'));
  }
  if (name.empty()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'name' is required: a text field of the form, or '?name='",
        "name");
  }
  return name;
}

// A form's text field, or `?skip_bad_rows=`.
bool read_skip(const Request& request) {
  const std::string word = request.query_value("skip_bad_rows", "false");
  if (word != "true" && word != "false") {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'skip_bad_rows' must be true or false, got \"{}\"", word.substr(0, 60)),
        "skip_bad_rows");
  }
  return word == "true";
}

// A form's text field, or `?split=`: JSON.
std::optional<data::PartShares> read_split(const Request& request) {
  const std::string text = request.query_value("split");
  if (text.empty()) {
    return std::nullopt;
  }
  return data::PartShares::from_json(base::parse_json(text, "'split'"), "split");
}

Response create_dataset(hub::Hub& hub, const Request& request, const Commit& commit) {
  Response response;
  // The row and the kept answer come in one transaction; only then are the files said to stay.
  const InsertDataset insert = [&](const std::function<registry::Dataset()>& add_row) {
    registry::Dataset added;
    response = commit([&] {
      added = add_row();
      return json_answer(201, dataset_json(added));
    });
    return added;
  };
  if (!request.body_file.empty()) {
    refuse_unknown_query(request, {"name", "model", "skip_bad_rows", "split"});
    const auto maker = example_maker(hub, request.query_value("model"), kDefaultLength);
    const NewDataset asked{
        .name = upload_name(request),
        .source = request.body_file,
        .file_name = request.file_name.empty() ? "upload" : request.file_name,
        .skip_bad_rows = read_skip(request),
        .split = read_split(request)};
    add_dataset(hub, asked, maker, insert);
    return response;
  }
  const Json json = request_json(request);
  const JsonReader body(json);
  body.refuse_unknown({"name", "path", "model", "skip_bad_rows", "split"});
  NewDataset asked;
  asked.name = body.string("name");
  asked.source = hub.roots.resolve(body.string("path"), "path");
  asked.skip_bad_rows = body.optional_bool("skip_bad_rows").value_or(false);
  if (const Json* split = body.optional_object("split")) {
    asked.split = data::PartShares::from_json(*split, "split");
  }
  const auto maker = example_maker(hub, body.optional_string("model").value_or(""), kDefaultLength);
  add_dataset(hub, asked, maker, insert);
  return response;
}

Response list_datasets(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {"limit", "cursor"});
  const Page page = read_page(request);
  return list_page(
      page,
      hub.datasets.list(id_cursor(page), page.limit + 1),
      [](const auto& row) { return row.id; },
      [](const registry::Dataset& dataset) {
        Json entry = dataset_json(dataset);
        entry.erase("report");
        return entry;
      });
}

// `part`: train, valid or test.
data::Dataset read_rows(
    const hub::Hub& hub, const registry::Dataset& dataset, const std::string& part = "train") {
  const data::DatasetFiles files = data::dataset_files(dataset_path(hub, dataset));
  const std::map<std::string, std::optional<std::filesystem::path>> parts = {
      {"train", files.train}, {"valid", files.valid}, {"test", files.test}};
  const auto found = parts.find(part);
  if (found == parts.end()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'part' must be train, valid or test, got \"{}\"", part.substr(0, 60)),
        "part");
  }
  if (!found->second) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("data set '{}' has no part '{}'", dataset.name, part),
        "part",
        "part_not_found");
  }
  return data::read_dataset(*found->second);
}

// As stored, or with the report made anew for another model or length.
Response get_dataset(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {"model", "max_seq_length"});
  const registry::Dataset dataset = hub.datasets.get(request.params.at("id"));
  Json json = dataset_json(dataset);
  const std::string model = request.query_value("model");
  if (!model.empty() || request.query.contains("max_seq_length")) {
    const auto maker = example_maker(hub, model, read_length(request));
    const data::Dataset rows = read_rows(hub, dataset);
    json["report"] = data::make_report(rows, maker ? &maker->builder : nullptr).to_json();
    json["report"]["model"] = maker ? Json(maker->model) : Json(nullptr);
  }
  return json_answer(200, json);
}

Response preview_dataset(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {"model", "max_seq_length", "limit", "cursor", "part"});
  const registry::Dataset dataset = hub.datasets.get(request.params.at("id"));
  const Page page = read_page(request, 10, 100);
  const auto first = static_cast<std::size_t>(number_cursor(page, 0));
  const auto maker = example_maker(hub, request.query_value("model"), read_length(request));
  if (!maker) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'?model=' is required, since the default model is not registered: a preview needs a "
        "tokenizer",
        "model");
  }
  const data::Dataset rows = read_rows(hub, dataset, request.query_value("part", "train"));
  Json data = Json::array();
  std::size_t row = first;
  for (; row < rows.rows.size() && row < first + static_cast<std::size_t>(page.limit); ++row) {
    data.push_back(data::preview_row(rows.rows[row], maker->builder));
  }
  Json answer = {{"data", std::move(data)}, {"next_cursor", nullptr}, {"model", maker->model}};
  if (row < rows.rows.size()) {
    answer["next_cursor"] = std::to_string(row);
  }
  return json_answer(200, answer);
}

Response delete_dataset(hub::Hub& hub, const Request& request) {
  remove_dataset_files(hub, hub.datasets.remove(request.params.at("id")));
  return no_content();
}

}  // namespace

std::vector<Route> dataset_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  return {
      {.method = "POST",
       .pattern = "/datasets",
       .handler = idempotent(
           context.idempotency,
           [&hub](const Request& request, const Commit& commit) {
             return create_dataset(hub, request, commit);
           }),
       .upload = true},
      {"GET", "/datasets", [&hub](const Request& request) { return list_datasets(hub, request); }},
      {"GET",
       "/datasets/{id}",
       [&hub](const Request& request) { return get_dataset(hub, request); }},
      {"GET",
       "/datasets/{id}/preview",
       [&hub](const Request& request) { return preview_dataset(hub, request); }},
      {"DELETE",
       "/datasets/{id}",
       [&hub](const Request& request) { return delete_dataset(hub, request); }},
  };
}

}  // namespace hub::api
