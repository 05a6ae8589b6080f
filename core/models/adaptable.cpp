#include "core/models/adaptable.h"

#include <charconv>
#include <string_view>

#include <mlx/ops.h>

#include "core/base/error.h"

namespace hub::models {
namespace {

constexpr std::string_view kMarker = "layers.";

}  // namespace

LayerPath split_path(const std::string& path) {
  const std::size_t marker = path.find(kMarker);
  if (marker == std::string::npos) {
    return {std::nullopt, path};
  }
  const char* begin = path.data() + marker + kMarker.size();
  const char* end = path.data() + path.size();
  int layer = -1;
  const auto [rest, error] = std::from_chars(begin, end, layer);
  if (error != std::errc{} || rest == end || *rest != '.') {
    return {std::nullopt, path};
  }
  return {layer, std::string(rest + 1, end)};
}

const std::string& Adaptable::path() const {
  return linear_ != nullptr    ? linear_->path()
         : experts_ != nullptr ? experts_->path()
                               : embedding_->path();
}

int Adaptable::in() const {
  return linear_ != nullptr    ? linear_->in_features()
         : experts_ != nullptr ? experts_->in_features()
                               : embedding_->size();
}

int Adaptable::out() const {
  return linear_ != nullptr    ? linear_->out_features()
         : experts_ != nullptr ? experts_->out_features()
                               : embedding_->width();
}

int Adaptable::experts() const {
  return experts_ != nullptr ? experts_->experts() : 0;
}

mx::Shape Adaptable::a_shape(int rank) const {
  return experts_ != nullptr ? mx::Shape{experts(), rank, in()} : mx::Shape{in(), rank};
}

mx::Shape Adaptable::b_shape(int rank) const {
  return experts_ != nullptr ? mx::Shape{experts(), out(), rank} : mx::Shape{rank, out()};
}

void Adaptable::need_magnitudes() const {
  if (!takes_magnitudes()) {
    throw base::Error(
        base::ErrorCode::kInternal, path() + " has experts, which take no magnitudes");
  }
}

int Adaptable::rows() const {
  need_magnitudes();
  return linear_ != nullptr ? out() : in();
}

mx::array Adaptable::row_norms() const {
  need_magnitudes();
  return linear_ != nullptr ? linear_->row_norms() : embedding_->row_norms();
}

mx::array Adaptable::adapted_norms(
    const nn::LoraWeights& weights, float scale, const mx::array& row_norms) const {
  need_magnitudes();
  // With the rows of W as outputs, the table's factors change places: d = scale B^T A^T.
  const mx::array a = linear_ != nullptr ? weights.a : mx::transpose(weights.b);  // [n, rank]
  const mx::array b = linear_ != nullptr ? weights.b : mx::transpose(weights.a);  // [rank, rows]
  const mx::array inputs = mx::contiguous(mx::transpose(a));
  const mx::array products =  // A^T W^T [rank, rows]
      linear_ != nullptr ? linear_->project(inputs) : embedding_->as_linear(inputs, {});
  const mx::array cross = mx::sum(mx::multiply(products, b), 0);
  const mx::array squares =
      mx::sum(mx::multiply(b, mx::matmul(mx::matmul(mx::transpose(a), a), b)), 0);
  const mx::array total =
      mx::square(row_norms) + mx::array(2.0F * scale) * cross + mx::array(scale * scale) * squares;
  return mx::sqrt(mx::maximum(total, mx::array(0.0F)));
}

std::vector<Adaptable> adaptables(const LanguageModel& model) {
  std::vector<Adaptable> result;
  for (const nn::Linear* linear : model.linears()) {
    result.emplace_back(*linear);
  }
  for (const nn::SwitchLinear* linear : model.switch_linears()) {
    result.emplace_back(*linear);
  }
  if (const nn::Embedding* embedding = model.embedding()) {
    result.emplace_back(*embedding);
  }
  if (const nn::Linear* head = model.output_head()) {
    result.emplace_back(*head);
  }
  return result;
}

}  // namespace hub::models
