import type { Params } from "../settings/setting";

/** What a configuration says: the job's inputs and its parameters. */
export interface JobConfig {
  model: string;
  dataset: string;
  output: string;
  params: Readonly<Record<string, unknown>>;
}

/** What the hub computed of a job: what an automatic setting came to. */
export interface Computed {
  batchSize: number;
  accumulation: number;
  steps: number;
}

/** The parameters that mlx-lm's file has a place for. */
export const expressible: ReadonlySet<string> = new Set<keyof Params>([
  "method",
  "objective",
  "beta",
  "loss_type",
  "rank",
  "scale",
  "alpha",
  "rslora",
  "dropout",
  "target_modules",
  "num_layers",
  "learning_rate",
  "optimizer",
  "optimizer_config",
  "weight_decay",
  "lr_schedule",
  "lr_end",
  "lr_decay_rate",
  "lr_decay_steps",
  "warmup_steps",
  "warmup_init",
  "batch_size",
  "grad_accumulation_steps",
  "max_seq_length",
  "epochs",
  "max_steps",
  "report_every",
  "eval_every",
  "save_every",
  "grad_checkpoint",
  "train_on_prompt",
  "seed",
]);

type Config = Record<string, unknown>;

/** A job as mlx-lm's lora_config.yaml has it: what `mlx-hub train --config` reads, and `mlx_lm.lora --config`. */
export function loraConfigOf(
  job: { model: string; dataset: string; output: string; params: Params },
  computed: Computed | null,
): Config {
  const { params } = job;
  const batches = computed?.accumulation ?? params.grad_accumulation_steps;
  const steps = params.max_steps ?? computed?.steps;
  const iterations = steps === undefined ? undefined : steps * batches;
  const preferences = params.objective !== "sft";
  const config: Config = {
    model: job.model,
    train: true,
    data: job.dataset,
    adapter_path: job.output === "" ? undefined : job.output,
    fine_tune_type: params.method,
    train_mode: preferences ? params.objective : undefined,
    beta: preferences ? params.beta : undefined,
    dpo_cpo_loss_type: params.objective === "dpo" ? params.loss_type : undefined,
    optimizer: params.optimizer,
    optimizer_config: optimizerConfig(params),
    seed: params.seed,
    num_layers: params.num_layers,
    batch_size: params.batch_size === "auto" ? computed?.batchSize : params.batch_size,
    grad_accumulation_steps: batches,
    iters: iterations,
    val_batches: params.eval_every === 0 ? 0 : -1,
    learning_rate: params.learning_rate,
    lr_schedule: schedule(params, steps),
    steps_per_report: params.report_every * batches,
    steps_per_eval: params.eval_every === 0 ? undefined : params.eval_every * batches,
    save_every: params.save_every === 0 ? iterations : params.save_every * batches,
    max_seq_length: params.max_seq_length,
    grad_checkpoint: params.grad_checkpoint,
    mask_prompt: !params.train_on_prompt,
    lora_parameters: {
      rank: params.rank,
      dropout: params.dropout,
      scale: scaleOf(params),
      ...(params.target_modules && { keys: params.target_modules }),
    },
  };
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

function scaleOf({ alpha, rank, rslora, scale }: Params): number {
  if (alpha === null) return scale;
  return alpha / (rslora ? Math.sqrt(rank) : rank);
}

function optimizerConfig(params: Params): Config | undefined {
  const own = {
    ...params.optimizer_config,
    ...(params.weight_decay !== null && { weight_decay: params.weight_decay }),
  };
  return Object.keys(own).length > 0 ? { [params.optimizer]: own } : undefined;
}

function schedule(params: Params, steps: number | undefined): Config | undefined {
  const { learning_rate: rate, lr_end: end, lr_decay_rate: factor, warmup_steps: warmup } = params;
  const before = warmup > 0 ? warmup + 1 : 0;
  const over =
    params.lr_decay_steps ?? (steps === undefined ? undefined : Math.max(1, steps - before));
  const courses: Partial<Record<string, [name: string, ...args: unknown[]]>> = {
    cosine: ["cosine_decay", rate, over, end],
    linear: ["linear_schedule", rate, end, over],
    exponential_decay: ["exponential_decay", rate, factor],
    step_decay: ["step_decay", rate, factor, over],
  };
  const course = courses[params.lr_schedule];
  if (!course || course.some((part) => part === undefined || part === null)) return undefined;
  const [name, ...args] = course;
  return {
    name,
    arguments: args,
    ...(warmup > 0 && { warmup, warmup_init: params.warmup_init }),
  };
}
