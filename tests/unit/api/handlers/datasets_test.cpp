#include <filesystem>

#include <SQLiteCpp/Database.h>
#include <gmock/gmock.h>

#include "core/base/file.h"
#include "core/data/dataset.h"
#include "tests/support/default_model.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using testing::HasSubstr;

class DatasetRoutes : public test::HandlerFixture {
 protected:
  Answer upload(
      const std::string& text,
      const std::map<std::string, std::string>& fields,
      const std::string& file_name = "facts.v1.jsonl") {
    Request made = request("POST", "/datasets");
    made.query = fields;
    made.headers["Content-Type"] = "multipart/form-data; boundary=x";
    made.body_file = files.write("upload.tmp", text).string();
    made.file_name = file_name;
    return send(made);
  }

  [[nodiscard]] std::size_t blobs() const {
    std::size_t count = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(hub.config.data_dir / "blobs")) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  }
};

constexpr const char* kRow =
    R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]})";

TEST_F(DatasetRoutes, APathIsCopiedAndDescribed) {
  const auto file = data_file("facts.jsonl", 3);
  const std::string digest = base::sha256_file(file);
  const Answer answer = post("/datasets", {{"name", "facts"}, {"path", file.string()}});
  ASSERT_EQ(answer.status, 201) << answer.response.body;
  EXPECT_EQ(answer.json["rows"], 3);
  EXPECT_EQ(answer.json["format"], "chat");
  EXPECT_EQ(answer.json["digest"], digest);
  EXPECT_EQ(answer.json["report"]["problem_count"], 0);
  EXPECT_EQ(answer.json["report"]["tokens"], nullptr) << "no model is here";
  std::filesystem::remove(file);
  const auto dataset = hub.datasets.get("facts");
  EXPECT_EQ(base::sha256_file(hub.artifacts.absolute(dataset.path)), digest);
  EXPECT_EQ(get("/datasets/facts").json, answer.json);
  EXPECT_EQ(get("/datasets/" + dataset.id).json, answer.json);
}

TEST_F(DatasetRoutes, AnUploadTakesItsNameFromTheFormOrTheFile) {
  const std::string text = std::string(kRow) + "\n";
  EXPECT_EQ(upload(text, {{"name", "mine"}}).json["name"], "mine");
  EXPECT_EQ(upload(text, {}).json["name"], "facts.v1");
  EXPECT_EQ(upload(text, {{"name", "mine"}}).status, 409);
  EXPECT_EQ(upload(text, {{"name", "a b"}}).param(), "name");
  EXPECT_EQ(upload(text, {{"colour", "red"}}).code(), "unknown_field");
  EXPECT_EQ(get("/datasets").json["data"].size(), 2U);
}

TEST_F(DatasetRoutes, ABadLineIsNamedAndRefusedUnlessItIsToBeSkipped) {
  const std::string text = std::string(kRow) + "\n{\"messages\": [\n" + kRow + "\n";
  const Answer refused = upload(text, {{"name", "x"}});
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.code(), "dataset_invalid");
  EXPECT_THAT(refused.message(), HasSubstr("line 2"));
  EXPECT_FALSE(hub.datasets.find("x"));
  EXPECT_TRUE(std::filesystem::is_empty(hub.config.data_dir / "datasets"));

  const Answer taken = upload(text, {{"name", "x"}, {"skip_bad_rows", "true"}});
  ASSERT_EQ(taken.status, 201);
  EXPECT_EQ(taken.json["rows"], 2);
  EXPECT_EQ(taken.json["report"]["problems"][0]["line"], 2);
  EXPECT_EQ(upload(text, {{"name", "y"}, {"skip_bad_rows", "maybe"}}).param(), "skip_bad_rows");
}

TEST_F(DatasetRoutes, AnEmptyFileIsRefused) {
  for (const char* text : {"", "\n\n"}) {
    const Answer answer = upload(text, {{"name", "x"}});
    EXPECT_EQ(answer.status, 422);
    EXPECT_EQ(answer.code(), "dataset_empty");
  }
  EXPECT_EQ(upload("no json\n", {{"name", "x"}}).code(), "dataset_empty");
}

TEST_F(DatasetRoutes, PathsOutsideAreRefused) {
  const auto outside = files.write("outside.jsonl", std::string(kRow) + "\n");
  std::filesystem::create_symlink(outside, hub.config.data_dir / "imports/link.jsonl");
  const std::string link = (hub.config.data_dir / "imports/link.jsonl").string();
  for (const std::string& path : {outside.string(), link, std::string("/etc/passwd")}) {
    const Answer answer = post("/datasets", {{"name", "x"}, {"path", path}});
    EXPECT_EQ(answer.status, 403) << path;
    EXPECT_EQ(answer.param(), "path") << path;
  }
  for (const char* path : {"../outside.jsonl", "../../outside.jsonl", "link.jsonl"}) {
    EXPECT_GE(post("/datasets", {{"name", "x"}, {"path", path}}).status, 403) << path;
  }
  EXPECT_EQ(post("/datasets", {{"name", "x"}, {"path", "absent.jsonl"}}).status, 404);
  EXPECT_EQ(post("/datasets", {{"name", "x"}}).param(), "path");
}

TEST_F(DatasetRoutes, AFolderKeepsItsParts) {
  data_file("folder/train.jsonl", 4);
  data_file("folder/valid.jsonl", 2);
  const Answer answer = post(
      "/datasets",
      {{"name", "parts"}, {"path", (hub.config.data_dir / "imports/folder").string()}});
  ASSERT_EQ(answer.status, 201) << answer.response.body;
  EXPECT_EQ(answer.json["rows"], 4);
  const auto folder = hub.artifacts.absolute(hub.datasets.get("parts").path);
  EXPECT_TRUE(std::filesystem::exists(folder / "valid.jsonl"));
}

TEST_F(DatasetRoutes, TheSameBytesAreStoredOnceAndGoWithTheLastDataSet) {
  const std::string text = std::string(kRow) + "\n";
  ASSERT_EQ(upload(text, {{"name", "one"}}).status, 201);
  ASSERT_EQ(upload(text, {{"name", "two"}}).status, 201);
  EXPECT_EQ(blobs(), 1U);
  const auto one = hub.artifacts.absolute(hub.datasets.get("one").path);
  const auto two = hub.artifacts.absolute(hub.datasets.get("two").path);
  EXPECT_TRUE(std::filesystem::equivalent(one, two));
  EXPECT_EQ(del("/datasets/one").status, 204);
  EXPECT_EQ(base::read_file(two), text);
  EXPECT_EQ(del("/datasets/two").status, 204);
  EXPECT_EQ(blobs(), 0U);
}

TEST_F(DatasetRoutes, ASplitMakesPartsThatJobsTake) {
  const auto file = data_file("facts.jsonl", 40);
  const std::string digest = base::sha256_file(file);
  const Answer answer = post(
      "/datasets",
      {{"name", "facts"},
       {"path", file.string()},
       {"split", {{"valid", 0.05}, {"test", 0.1}, {"seed", 3}}}});
  ASSERT_EQ(answer.status, 201) << answer.response.body;
  EXPECT_EQ(answer.json["rows"], 34);
  EXPECT_EQ(answer.json["source"]["rows"], 40);
  EXPECT_EQ(answer.json["source"]["digest"], digest);
  EXPECT_EQ(answer.json["split"], Json::parse(R"({"valid":0.05,"test":0.1,"seed":3})"));
  EXPECT_EQ(answer.json["parts"]["valid"]["rows"], 2);
  EXPECT_EQ(answer.json["parts"]["test"]["rows"], 4);
  EXPECT_EQ(answer.json["digest"], answer.json["parts"]["train"]["digest"]);
  EXPECT_EQ(get("/datasets/facts").json, answer.json);
  EXPECT_EQ(get("/datasets/facts?max_seq_length=99").json["parts"], answer.json["parts"]);
  const auto folder = hub.artifacts.absolute(hub.datasets.get("facts").path);
  const auto parts = data::dataset_files(folder);
  EXPECT_EQ(
      base::sha256_file(*parts.test), answer.json["parts"]["test"]["digest"].get<std::string>());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 3);
  EXPECT_EQ(blobs(), 3U);

  const Answer uploaded = upload(
      base::read_file(file),
      {{"name", "again"}, {"split", R"({"valid":0.05,"test":0.1,"seed":3})"}});
  EXPECT_EQ(uploaded.json["parts"], answer.json["parts"])
      << "the same rows and seed, the same parts";
  EXPECT_EQ(blobs(), 3U);
  EXPECT_EQ(
      upload(std::string(kRow), {{"name", "x"}, {"split", R"({"valid":0.5})"}}).param(), "split");
  EXPECT_EQ(upload(std::string(kRow), {{"name", "x"}, {"split", "half"}}).status, 400);
  EXPECT_EQ(
      upload(std::string(kRow), {{"name", "x"}, {"split", R"({"valid":2})"}}).param(),
      "split.valid");
  EXPECT_EQ(del("/datasets/facts").status, 204);
  EXPECT_EQ(del("/datasets/again").status, 204);
  EXPECT_EQ(blobs(), 0U);
}

TEST_F(DatasetRoutes, ASplitLeavesBadRowsOutAndStillNamesTheirLines) {
  std::string text;
  for (int i = 0; i < 10; ++i) {
    text += "{\"text\":\"" + std::to_string(i) + "\"}\n";
  }
  const Answer answer = upload(
      "{\"txt\":1}\n" + text,
      {{"name", "x"}, {"skip_bad_rows", "true"}, {"split", R"({"test":0.1})"}});
  ASSERT_EQ(answer.status, 201) << answer.response.body;
  EXPECT_EQ(answer.json["report"]["problems"][0]["line"], 1);
  EXPECT_EQ(answer.json["rows"], 9);
  EXPECT_EQ(answer.json["parts"]["valid"], nullptr);
}

TEST_F(DatasetRoutes, EveryFileTypeIsFoundOutAndKept) {
  const std::vector<std::tuple<std::string, std::string, std::string, std::string>> uploads = {
      {"a.json", R"([{"text":"a"}])", "json", "text"},
      {"a.csv", "prompt,completion\na,b\n", "csv", "completion"},
      {"a", "instruction,output\na,b\n", "csv", "alpaca"},
      {"a.txt", R"({"conversations":[{"from":"human","value":"a"}]})", "jsonl", "sharegpt"},
      {"chat.parquet",
       base::read_file(std::filesystem::path(HUB_SOURCE_DIR) / "tests/golden/data/chat.parquet"),
       "parquet",
       "chat"}};
  int number = 0;
  for (const auto& [name, bytes, type, format] : uploads) {
    const std::string id = "d" + std::to_string(number++);
    const Answer answer = upload(bytes, {{"name", id}}, name);
    ASSERT_EQ(answer.status, 201) << name << answer.response.body;
    EXPECT_EQ(answer.json["report"]["file_type"], type);
    EXPECT_EQ(answer.json["format"], format);
    EXPECT_EQ(answer.json["parts"]["train"]["file"], "train." + type);
    EXPECT_EQ(answer.json["digest"], base::sha256_hex(bytes));
  }
  const Answer split =
      upload(std::get<1>(uploads[4]), {{"name", "s"}, {"split", R"({"valid":0.2})"}}, "x.parquet");
  ASSERT_EQ(split.status, 201) << split.response.body;
  EXPECT_EQ(split.json["parts"]["train"]["file"], "train.jsonl");
  EXPECT_EQ(split.json["source"]["file_type"], "parquet");
  EXPECT_EQ(split.json["rows"], 4);
}

TEST_F(DatasetRoutes, AFileThatIsBrokenAsAWholeIsRefusedAndNothingStored) {
  const std::string parquet =
      base::read_file(std::filesystem::path(HUB_SOURCE_DIR) / "tests/golden/data/chat.parquet");
  const std::vector<std::pair<std::string, std::string>> broken = {
      {"a,b\n1,2\n", "the columns 'a', 'b'"},
      {"text,text\n1,2\n", "names 'text' twice"},
      {R"([{"text":"a"})", "does not end"},
      {parquet.substr(0, 1000), "cut off"},
      {std::string("\xFF\xFE{\0", 4), "UTF-16"},
      {std::string("{\"text\":\"a\0\"}", 13), "NUL"},
      {"{\"text\":\"\xff\"}", "UTF-8"},
      {"{\"text\":\"a\"}\n{\"prompt\":\"a\",\"completion\":\"b\"}\n", "line 2: a row of format"}};
  for (const auto& [bytes, reason] : broken) {
    const Answer answer = upload(bytes, {{"name", "x"}}, "x.csv");
    EXPECT_EQ(answer.status, 422) << reason << answer.response.body;
    EXPECT_THAT(answer.message(), HasSubstr(reason));
  }
  EXPECT_TRUE(std::filesystem::is_empty(hub.config.data_dir / "datasets"));
  EXPECT_EQ(blobs(), 0U);
}

TEST_F(DatasetRoutes, PartsOfAFolderHaveOneFormat) {
  data_file("folder/train.jsonl", 4);
  static_cast<void>(files.write("data/imports/folder/test.csv", "text\na\n"));
  const auto folder = hub.config.data_dir / "imports/folder";
  const Answer mixed = post("/datasets", {{"name", "parts"}, {"path", folder.string()}});
  EXPECT_EQ(mixed.code(), "dataset_invalid");
  EXPECT_THAT(mixed.message(), HasSubstr("its part test has format 'text', train has 'chat'"));
  static_cast<void>(files.write("data/imports/folder/test.csv", "text\n\"a\n"));
  EXPECT_EQ(post("/datasets", {{"name", "parts"}, {"path", folder.string()}}).status, 422);
  EXPECT_TRUE(std::filesystem::is_empty(hub.config.data_dir / "datasets"));
  std::filesystem::remove(folder / "test.csv");
  data_file("folder/test.jsonl", 2);
  EXPECT_EQ(
      post("/datasets", {{"name", "parts"}, {"path", folder.string()}, {"split", {{"valid", 0.5}}}})
          .param(),
      "split");
}

TEST_F(DatasetRoutes, ThePreviewShowsWhatIsTrained) {
  add_dataset("facts", 3);
  EXPECT_EQ(get("/datasets/facts/preview").param(), "model") << "no default model is here";
  const auto version =
      post("/models", {{"name", "smollm2-135m-instruct"}, {"base_model", "org/none"}});
  const auto folder = test::default_model_folder();
  // The tokenizer alone is needed; the weights of the version are not looked at.
  const std::string id = version.json["versions"][0]["id"];
  registry::NewVersion arrived;
  arrived.digest = base::sha256_hex("any");
  arrived.folder = folder.string();
  arrived.by_reference = true;
  hub.models.make_ready(id, arrived);

  const Answer preview = get("/datasets/facts/preview?limit=2");
  ASSERT_EQ(preview.status, 200) << preview.response.body;
  EXPECT_EQ(preview.json["model"], "smollm2-135m-instruct");
  ASSERT_EQ(preview.json["data"].size(), 2U);
  std::string trained;
  for (const Json& piece : preview.json["data"][0]["pieces"]) {
    if (piece["trained"].get<bool>()) {
      trained += piece["text"].get<std::string>();
    }
  }
  EXPECT_THAT(trained, HasSubstr("a<|im_end|>"));
  EXPECT_EQ(trained.find("q0"), std::string::npos);
  const Answer rest = get("/datasets/facts/preview?limit=2&cursor=2");
  EXPECT_EQ(rest.json["data"].size(), 1U);
  EXPECT_EQ(rest.json["next_cursor"], nullptr);
  EXPECT_EQ(get("/datasets/facts/preview?model=none").code(), "model_not_found");
  EXPECT_EQ(get("/datasets/facts/preview?part=train").json["data"].size(), 3U);
  EXPECT_EQ(get("/datasets/facts/preview?part=test").code(), "part_not_found");
  EXPECT_EQ(get("/datasets/facts/preview?part=all").param(), "part");
  EXPECT_EQ(get("/datasets/facts/preview?limit=101").param(), "limit");
  EXPECT_EQ(get("/datasets/facts/preview?cursor=x").param(), "cursor");

  const Answer report = get("/datasets/facts?max_seq_length=16");
  EXPECT_EQ(report.json["report"]["model"], "smollm2-135m-instruct");
  EXPECT_EQ(report.json["report"]["tokens"]["truncated_rows"], 3);
  EXPECT_EQ(get("/datasets/facts?max_seq_length=1").param(), "max_seq_length");
  EXPECT_EQ(get("/datasets/facts?max_seq_length=many").param(), "max_seq_length");
  EXPECT_EQ(get("/datasets/facts?max_seq_length=1e999").param(), "max_seq_length");
}

TEST_F(DatasetRoutes, DeleteRemovesTheFiles) {
  const Json dataset = add_dataset("facts");
  const auto folder = hub.config.data_dir / "datasets" / dataset["id"].get<std::string>();
  EXPECT_TRUE(std::filesystem::exists(folder));
  EXPECT_EQ(del("/datasets/facts").status, 204);
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_EQ(del("/datasets/facts").code(), "dataset_not_found");
  EXPECT_EQ(get("/datasets/facts/preview").status, 404);
}

TEST_F(DatasetRoutes, ARepeatedUploadWithAKeyIsTheSame) {
  const auto send_upload = [&](const std::string& text) {
    Request made = request("POST", "/datasets");
    made.query = {{"name", "facts"}};
    made.headers["Idempotency-Key"] = "k";
    made.body_file = files.write("upload.tmp", text).string();
    return send(made);
  };
  const std::string text = std::string(kRow) + "\n";
  const Answer first = send_upload(text);
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(send_upload(text).json, first.json);
  EXPECT_EQ(send_upload(text + text).code(), "idempotency_key_reused");
}

TEST_F(DatasetRoutes, ADataSetIsThereOnlyWithItsKeptAnswer) {
  hub.database.write([](db::Connection& connection) {
    connection.exec(
        "CREATE TEMP TRIGGER lost BEFORE UPDATE ON idempotency_keys "
        "BEGIN SELECT RAISE(ABORT, 'the power went'); END");
  });
  Request made = request("POST", "/datasets");
  made.query = {{"name", "facts"}};
  made.headers["Idempotency-Key"] = "k";
  made.body_file = files.write("upload.tmp", std::string(kRow) + "\n").string();
  EXPECT_GE(send(made).status, 500);
  EXPECT_EQ(get("/datasets/facts").code(), "dataset_not_found");
  EXPECT_TRUE(std::filesystem::is_empty(hub.config.data_dir / "datasets"));
}

}  // namespace
}  // namespace hub::api
