#pragma once

#include <span>
#include <vector>

#include <mlx/array.h>

#include "core/data/examples.h"
#include "core/model_config/finetune_params.h"
#include "core/train/batches.h"
#include "core/train/trainable.h"

namespace hub::train {

namespace mx = mlx::core;

// B pairs for one forward.
struct PairBatch {
  Batch sequences;           // 2 B rows: the chosen answers with their prompts, then the rejected
  std::vector<int> targets;  // [2 B]: trained targets of each row, which follow one another in
                             // sequences.targets
};

// `rows`, each with both answers (data::Example::rejected).
PairBatch make_pair_batch(std::span<const data::Example> rows, const BatchShape& shape);

// Log-probabilities of both answers of B pairs, given their prompts: float32 [B] each.
struct AnswerLogProbs {
  mx::array chosen;
  mx::array rejected;
};

// log P(answer | prompt), summed over the answer's trained targets; with `average` their mean, as
// ORPO (arXiv:2403.07691 eq. 3) and TRL's IPO take it. Every row needs a trained target. Only
// builds a graph.
AnswerLogProbs answer_log_probs(const PlacedModel& placed, const PairBatch& pairs, bool average);

// float32 [4]: over the pairs the sums of the loss, and of the three fields of Rewards, which have
// no gradient. With x = log-ratio of the chosen answer minus that of the rejected one, each policy
// minus reference, and `params` beta and label_smoothing e, the loss is
//   sigmoid  -(1 - e) log s(beta x) - e log s(-beta x)   DPO, arXiv:2305.18290 eq. 7; with e > 0
//                                                        conservative DPO (Mitchell 2023)
//   hinge    max(0, 1 - beta x)                          SLiC, arXiv:2305.10425, normalised
//   ipo      (x - 1 / (2 beta))^2                        arXiv:2310.12036 eq. 17, of averages
// as TRL's DPOTrainer.dpo_loss; an answer's reward is beta times its log-ratio.
mx::array dpo_sums(
    const AnswerLogProbs& policy,
    const AnswerLogProbs& reference,
    const model_config::FinetuneParams& params);

// The same for ORPO (arXiv:2403.07691 eq. 6 and 7), from averages: the chosen answer's negative
// log-likelihood plus beta (the paper's lambda) times -log s(log odds ratio), odds = P / (1 - P).
// An answer's reward is beta times its log-probability, as in TRL's ORPOTrainer. Each pair's
// likelihood counts the same, as in the paper; TRL weighs it by tokens, the prompt's included.
mx::array orpo_sums(const AnswerLogProbs& policy, double beta);

}  // namespace hub::train
