#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "core/base/json.h"
#include "core/data/dataset.h"
#include "core/data/parts.h"

namespace hub::api {

// The files of a data set while it is registered: copied into a folder of their own, read, and,
// once all is well, shared with every other file of the same bytes. The folder goes with the object
// unless keep() was called: a data set is stored whole or not at all. One thread.
class DatasetFolder {
 public:
  // Copies a file, or the parts of a folder (train, valid, test), into `data_folder`/datasets/`id`
  // and reads them. `file_name`: what the file was called before it was uploaded. Throws as
  // data::dataset_files() and data::read_dataset(); kUnavailable when the disk is full.
  DatasetFolder(
      const std::filesystem::path& data_folder,
      const std::string& id,
      const std::filesystem::path& source,
      const std::string& file_name);
  ~DatasetFolder();
  DatasetFolder(const DatasetFolder&) = delete;
  DatasetFolder& operator=(const DatasetFolder&) = delete;

  struct Part {
    std::filesystem::path file;
    data::Dataset rows;
  };
  // "train", and "valid" and "test" where they are there.
  [[nodiscard]] const std::map<std::string, Part>& parts() const { return parts_; }
  [[nodiscard]] const Part& train() const { return parts_.at("train"); }

  // Replaces the one file by JSONL parts of its good rows; what was wrong with the others is told
  // as the problems of train, by the lines of the file that came. Throws kInvalidArgument when
  // there are several already, and as data::split_parts().
  void split(const data::PartShares& shares);

  // {"train":{"file","rows","digest","size_bytes"},"valid":…|null,"test":…|null}
  [[nodiscard]] base::Json parts_json() const;

  // Below the data folder: the one file, or the folder of several.
  [[nodiscard]] std::string relative_path() const;

  // Stores the files once by their digests. Throws kUnavailable.
  void share();
  void keep() { kept_ = true; }

 private:
  void add(const std::string& part, const std::filesystem::path& file);

  const std::filesystem::path data_folder_;
  const std::string id_;
  const std::filesystem::path folder_;
  std::map<std::string, Part> parts_;
  bool kept_ = false;
};

}  // namespace hub::api
