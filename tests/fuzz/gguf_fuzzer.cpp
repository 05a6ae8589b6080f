// GGUF files: header, metadata, tensors of every type, and the model folder made of them.
#include <filesystem>

#include "core/base/json_reader.h"
#include "core/gguf/convert.h"
#include "core/gguf/gguf_file.h"
#include "core/model_config/safetensors_header.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/scratch_folder.h"

namespace hub::fuzz {

void run(std::string_view input) {
  const MemoryFile bytes(input);
  std::size_t tensors = 0;
  const bool is_gguf = accepts([&] {
    const gguf::GgufFile file(bytes.path());
    for (const gguf::TensorInfo& tensor : file.tensors()) {
      require(tensor.offset <= input.size(), "a tensor begins in the file");
      require(tensor.bytes <= input.size() - tensor.offset, "and ends in it");
      require(tensor.bytes % tensor.rows() == 0, "its rows have one length");
      require(file.find_tensor(tensor.name) == &tensor, "it is found by its name");
    }
    tensors = file.tensors().size();
  });
  if (!is_gguf) {
    return;
  }
  const ScratchFolder& folder = ScratchFolder::emptied();
  accepts([&] {
    const auto report = gguf::convert(bytes.path(), folder.path(), {});
    require(report.tensors <= tensors, "no tensor comes out of nothing");
    const auto header = model_config::SafetensorsHeader::read(folder.path() / "model.safetensors");
    require(header.tensors.size() >= report.tensors, "every tensor is written");
  });
}

}  // namespace hub::fuzz
