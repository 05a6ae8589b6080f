// Reads mlx-lm's lora_config.yaml as `mlx-hub train --config` does: api/cli/mlx_lm_config.cpp.
import type { JobConfig } from "./lora-config";

/** What is wrong with a configuration, and at which of its keys. */
export class ConfigProblem extends Error {
  override readonly name = "ConfigProblem";

  constructor(
    readonly path: readonly string[],
    message: string,
  ) {
    super(path.length === 0 ? message : `'${path.join(".")}': ${message}`);
  }
}

type Config = Readonly<Record<string, unknown>>;

/** max_steps ends the job; passes over the rows are as many as that takes. */
const enoughEpochs = 100_000;

const known = new Set(
  `model train fine_tune_type train_mode beta dpo_cpo_loss_type optimizer optimizer_config data seed num_layers
  batch_size iters val_batches learning_rate steps_per_report steps_per_eval resume_adapter_file adapter_path
  save_every test test_batches max_seq_length config grad_checkpoint grad_accumulation_steps clear_cache_threshold
  lr_schedule lora_parameters mask_prompt report_to project_name trust_remote_code hf_dataset prompt_feature
  completion_feature chat_feature text_feature`.split(/\s+/),
);

const usualFeatures: Readonly<Record<string, string>> = {
  prompt_feature: "prompt",
  completion_feature: "completion",
  chat_feature: "messages",
  text_feature: "text",
};

const isConfig = (value: unknown): value is Config =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A mapping whose values are read by kind; what is missing or null has the default. */
class Reader {
  constructor(
    private readonly config: Config,
    private readonly path: readonly string[] = [],
  ) {}

  has(key: string): boolean {
    return this.config[key] != null;
  }

  refuse(key: string, why: string): never {
    throw new ConfigProblem([...this.path, key], why);
  }

  refuseUnknown(keys: ReadonlySet<string>, why: string): void {
    for (const key of Object.keys(this.config)) if (!keys.has(key)) this.refuse(key, why);
  }

  text(key: string): string {
    const value = this.config[key] ?? "";
    return typeof value === "string" ? value : this.refuse(key, "must be a text");
  }

  flag(key: string): boolean {
    const value = this.config[key] ?? false;
    return typeof value === "boolean" ? value : this.refuse(key, "must be true or false");
  }

  number(key: string, otherwise: number): number {
    const value = this.config[key] ?? otherwise;
    return typeof value === "number" ? value : this.refuse(key, "must be a number");
  }

  integer(key: string, low: number, otherwise: number): number {
    const value = this.number(key, otherwise);
    if (Number.isInteger(value) && value >= low) return value;
    return this.refuse(key, `must be a whole number from ${low}`);
  }

  list(key: string): readonly unknown[] {
    const value = this.config[key] ?? [];
    return Array.isArray(value) ? value : this.refuse(key, "must be a list");
  }

  below(key: string): Reader | null {
    const value = this.config[key];
    if (value == null) return null;
    if (!isConfig(value)) return this.refuse(key, "must be a mapping");
    return new Reader(value, [...this.path, key]);
  }

  entries(): [string, unknown][] {
    return Object.entries(this.config);
  }
}

export function readLoraConfig(config: unknown): JobConfig {
  if (!isConfig(config)) throw new ConfigProblem([], "a configuration is a mapping of settings");
  const reader = new Reader(config);
  reader.refuseUnknown(known, "mlx-lm has no such setting (it would pass over it in silence)");
  refuseWhatIsNotDone(reader);
  const objective = objectiveOf(reader);
  return {
    model: reader.text("model"),
    dataset: reader.text("data"),
    output: outputOf(reader),
    params: {
      ...objective,
      method: reader.text("fine_tune_type") || "lora",
      num_layers: reader.integer("num_layers", -1, 16) || -1,
      ...optimizer(reader),
      ...schedule(reader),
      ...steps(reader),
      ...lora(reader),
      seed: reader.integer("seed", 0, 0),
      max_seq_length: reader.integer("max_seq_length", 8, 2048),
      grad_checkpoint: reader.flag("grad_checkpoint"),
      train_on_prompt: !reader.flag("mask_prompt") && objective.objective === "sft",
    },
  };
}

function refuseWhatIsNotDone(reader: Reader): void {
  if (reader.has("train") && !reader.flag("train")) {
    reader.refuse("train", "is false, and this form trains; evaluations have a page of their own");
  }
  if (reader.flag("test")) reader.refuse("test", "testing is a job of its own: an evaluation");
  if (reader.flag("trust_remote_code")) {
    reader.refuse("trust_remote_code", "code from model folders is never run");
  }
  if (reader.has("hf_dataset")) {
    reader.refuse("hf_dataset", "data sets are not downloaded: upload a file, and name it as data");
  }
  if (reader.has("resume_adapter_file")) {
    reader.refuse("resume_adapter_file", "choose the adapter as the model: it is trained further");
  }
  for (const [key, usual] of Object.entries(usualFeatures)) {
    if ((reader.text(key) || usual) !== usual) {
      reader.refuse(key, `fields have fixed names here: rename yours to '${usual}'`);
    }
  }
}

function objectiveOf(reader: Reader): Record<string, unknown> {
  const objective = reader.text("train_mode") || "sft";
  if (!["sft", "dpo", "orpo"].includes(objective)) {
    reader.refuse("train_mode", `must be sft, dpo or orpo, got ${objective}`);
  }
  return {
    objective,
    ...(objective !== "sft" && { beta: reader.number("beta", 0.1) }),
    ...(objective === "dpo" && { loss_type: reader.text("dpo_cpo_loss_type") || "sigmoid" }),
  };
}

function optimizer(reader: Reader): Record<string, unknown> {
  const name = reader.text("optimizer") || "adam";
  const own = reader.below("optimizer_config")?.below(name);
  const settings = Object.fromEntries(own?.entries() ?? []);
  const { weight_decay: decay, ...config } = settings;
  return {
    optimizer: name,
    learning_rate: reader.number("learning_rate", 1e-5),
    ...(decay !== undefined && { weight_decay: decay }),
    ...(Object.keys(config).length > 0 && { optimizer_config: config }),
  };
}

function schedule(reader: Reader): Record<string, unknown> {
  const given = reader.below("lr_schedule");
  if (!given) return { lr_schedule: "constant" };
  given.refuseUnknown(
    new Set(["name", "arguments", "warmup", "warmup_init"]),
    "a schedule has name, arguments, warmup and warmup_init",
  );
  const name = given.text("name");
  const args = given.list("arguments");
  const argument = (index: number, what: string): number => {
    const value = args[index];
    if (typeof value === "number") return value;
    return given.refuse("arguments", `${name} needs its ${what} as number ${index + 1}`);
  };
  const warmup = given.has("warmup") && {
    warmup_steps: given.integer("warmup", 0, 0),
    warmup_init: given.number("warmup_init", 0),
  };
  const rate = { learning_rate: argument(0, "initial learning rate"), ...warmup };
  switch (name) {
    case "cosine_decay":
      return {
        ...rate,
        lr_schedule: "cosine",
        lr_decay_steps: argument(1, "decay steps"),
        lr_end: args.length > 2 ? argument(2, "end") : 0,
      };
    case "linear_schedule":
      return {
        ...rate,
        lr_schedule: "linear",
        lr_end: argument(1, "end"),
        lr_decay_steps: argument(2, "steps"),
      };
    case "exponential_decay":
      return { ...rate, lr_schedule: name, lr_decay_rate: argument(1, "decay rate") };
    case "step_decay":
      return {
        ...rate,
        lr_schedule: name,
        lr_decay_rate: argument(1, "decay rate"),
        lr_decay_steps: argument(2, "step size"),
      };
    default:
      return given.refuse(
        "name",
        "must be cosine_decay, linear_schedule, exponential_decay or step_decay",
      );
  }
}

/** mlx-lm counts batches; here a step is an update of the optimizer. */
function steps(reader: Reader): Record<string, unknown> {
  const batches = reader.integer("grad_accumulation_steps", 1, 1);
  const updates = (key: string, otherwise: number): number =>
    Math.max(1, Math.floor(reader.integer(key, 1, otherwise) / batches));
  return {
    batch_size: reader.integer("batch_size", 1, 4),
    grad_accumulation_steps: batches,
    max_steps: updates("iters", 1000),
    epochs: enoughEpochs,
    report_every: updates("steps_per_report", 10),
    eval_every: reader.integer("val_batches", -1, 25) === 0 ? 0 : updates("steps_per_eval", 200),
    save_every: updates("save_every", 100),
  };
}

function lora(reader: Reader): Record<string, unknown> {
  const given = reader.below("lora_parameters");
  if (!given) return { rank: 8, dropout: 0, scale: 20 };
  given.refuseUnknown(new Set(["rank", "dropout", "scale", "keys"]), "is none of them");
  for (const key of ["rank", "dropout", "scale"]) {
    if (!given.has(key)) given.refuse(key, "mlx-lm requires rank, dropout and scale");
  }
  return {
    rank: given.integer("rank", 1, 8),
    dropout: given.number("dropout", 0),
    scale: given.number("scale", 20),
    ...(given.has("keys") && { target_modules: given.list("keys").map(String) }),
  };
}

/** The name of the result, unless it is mlx-lm's own, which names nothing. */
function outputOf(reader: Reader): string {
  const last =
    reader
      .text("adapter_path")
      .split("/")
      .findLast((part) => part !== "") ?? "";
  return last === "adapters" ? "" : last;
}
