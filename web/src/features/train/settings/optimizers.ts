import type { Setting } from "./setting";

const share = { kind: "number", group: "optimizer", min: 0, max: 1, belowMax: true } as const;
const flag = { kind: "flag", group: "optimizer" } as const;

const adam: Record<string, Setting> = {
  betas: {
    kind: "pair",
    group: "optimizer",
    label: "Betas",
    help: "Decay of the first and the second moment.",
    belowMax: 1,
    default: [0.9, 0.999],
  },
  eps: {
    kind: "number",
    group: "optimizer",
    label: "Epsilon",
    help: "Added to the root of the second moment.",
    min: 0,
    max: 1,
    default: 1e-8,
  },
  bias_correction: {
    ...flag,
    label: "Bias correction",
    help: "Corrects the moments of the first steps, as PyTorch does.",
    default: false,
  },
};

/** Each optimizer's own settings (`optimizer_config`), by their names in mlx.optimizers. */
export const optimizerSettings: Readonly<Record<string, Readonly<Record<string, Setting>>>> = {
  adam,
  adamw: adam,
  sgd: {
    momentum: { ...share, label: "Momentum", help: "0 is plain gradient descent.", default: 0 },
    dampening: { ...share, label: "Dampening", help: "Of the momentum.", default: 0 },
    nesterov: {
      ...flag,
      label: "Nesterov",
      help: "Needs a momentum and no dampening.",
      default: false,
    },
  },
  lion: {
    betas: {
      kind: "pair",
      group: "optimizer",
      label: "Betas",
      help: "Of the update and of the moment.",
      belowMax: 1,
      default: [0.9, 0.99],
    },
  },
  adafactor: {
    eps: {
      kind: "pair",
      group: "optimizer",
      label: "Epsilons",
      help: "Of the squared gradient and of the parameter's scale.",
      belowMax: 1,
      default: [1e-30, 1e-3],
    },
    clip_threshold: {
      kind: "number",
      group: "optimizer",
      label: "Clip threshold",
      help: "Largest root mean square of an update.",
      min: 1e-6,
      max: 1e6,
      default: 1,
    },
    decay_rate: {
      kind: "number",
      group: "optimizer",
      label: "Decay rate",
      help: "Exponent of the running mean of squared gradients.",
      min: -1,
      max: -1e-3,
      default: -0.8,
    },
    beta_1: {
      ...share,
      label: "Beta 1",
      help: "Decay of a first moment.",
      default: null,
      blank: "no first moment",
    },
    scale_parameter: {
      ...flag,
      label: "Scale by parameter",
      help: "Steps grow with the parameter's own size.",
      default: true,
    },
    relative_step: {
      ...flag,
      label: "Relative step",
      help: "The rate follows from the step's number; learning rate and schedule have no effect.",
      default: true,
    },
    warmup_init: {
      ...flag,
      label: "Slow beginning",
      help: "Relative steps begin small.",
      default: false,
    },
  },
  muon: {
    momentum: { ...share, label: "Momentum", help: "Of the update.", default: 0.95 },
    nesterov: { ...flag, label: "Nesterov", help: "Momentum looks ahead.", default: true },
    ns_steps: {
      kind: "number",
      group: "optimizer",
      label: "Newton-Schulz steps",
      help: "That make an update orthogonal.",
      integer: true,
      min: 1,
      max: 100,
      default: 5,
    },
  },
};
