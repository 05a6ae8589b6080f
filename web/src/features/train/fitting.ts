import type { Entry, Params } from "./settings/setting";

/** A change of settings that takes less memory. */
export interface Change {
  /** What changes, in words. */
  label: string;
  entries: Readonly<Record<string, Entry>>;
}

/** Shorter rows than this teach little. */
const shortest = 64;

/**
 * What may make a job fit, the least loss first: the same update in smaller batches, then activations computed again,
 * then factors instead of whole weights, and at last rows that are cut. `params` are those of a plan that does not fit.
 */
export function changesThatSave(params: Params, batchSize: number): Change[] {
  const changes: Change[] = [];
  const accumulation = params.grad_accumulation_steps;
  const smaller = (size: number): Record<string, Entry> => ({
    batch_size: String(size),
    grad_accumulation_steps: String((accumulation * batchSize) / size),
  });
  const halves = halvesOf(batchSize);
  if (typeof params.batch_size === "number") {
    for (const size of halves) {
      changes.push({
        label: `Batches of ${size}, ${(accumulation * batchSize) / size} to a step: the same update`,
        entries: smaller(size),
      });
    }
  }
  const least = typeof params.batch_size === "number" && halves.length > 0 ? smaller(1) : {};
  if (!params.grad_checkpoint) {
    changes.push({ label: "Recompute activations", entries: { grad_checkpoint: true } });
    if (Object.keys(least).length > 0) {
      changes.push({
        label: "Recompute activations, one row a batch",
        entries: { ...least, grad_checkpoint: true },
      });
    }
  }
  if (params.method === "full") {
    changes.push({
      label: "LoRA instead of full fine-tuning, recompute activations",
      entries: { ...least, method: "lora", grad_checkpoint: true },
    });
  }
  for (let length = halfPower(params.max_seq_length); length >= shortest; length /= 2) {
    changes.push({
      label: `Recompute activations, cut rows at ${length} tokens`,
      entries: {
        ...least,
        ...(params.method === "full" && { method: "lora" }),
        grad_checkpoint: true,
        max_seq_length: String(length),
      },
    });
  }
  return changes;
}

/** 8: 4, 2, 1. What is odd has only 1 below it, so that updates stay the same. */
function halvesOf(size: number): number[] {
  const sizes: number[] = [];
  let next = size;
  while (next > 1) {
    next = next % 2 === 0 ? next / 2 : 1;
    sizes.push(next);
  }
  return sizes;
}

/** The largest power of two below a length. */
const halfPower = (length: number): number => 2 ** Math.floor(Math.log2(length - 1));
