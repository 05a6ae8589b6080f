#pragma once

#include <memory>

#include "core/train/optimizer.h"

// The optimizers behind make_optimizer(), which starts them. Each takes its own fields of the
// params.
namespace hub::train {

// Adam (arXiv:1412.6980), or AdamW with decoupled weight decay (arXiv:1711.05101) where a decay is
// given:
//   w <- w (1 - lr * decay);  m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;
//   w <- w - lr m / (sqrt(v) + eps)
std::unique_ptr<Optimizer> make_adam(const model_config::OptimizerParams& params);

// Stochastic gradient descent; weight decay is an L2 penalty:
//   g <- g + decay w;  v <- momentum v + (1 - dampening) g;
//   w <- w - lr v, or with Nesterov w - lr (g + momentum v)
std::unique_ptr<Optimizer> make_sgd(const model_config::OptimizerParams& params);

// arXiv:2302.06675:
//   c = b1 m + (1 - b1) g;  m <- b2 m + (1 - b2) g;  w <- w (1 - lr * decay) - lr sign(c)
std::unique_ptr<Optimizer> make_lion(const model_config::OptimizerParams& params);

// arXiv:1804.04235: second moments of a matrix are kept as one row and one column. With
// `relative_step` the learning rate follows from the step's number and is not the schedule's.
std::unique_ptr<Optimizer> make_adafactor(const model_config::OptimizerParams& params);

// kellerjordan.github.io/posts/muon: the momentum of a matrix is made orthogonal by Newton-Schulz
// steps; vectors take it as it is. Weight decay is an L2 penalty.
std::unique_ptr<Optimizer> make_muon(const model_config::OptimizerParams& params);

// `value` in the type of `like`.
mx::array scalar_like(const mx::array& like, double value);

}  // namespace hub::train
