import type { Schemas } from "@/api/client";

type Params = Schemas["QuantizeParams"];

export type Mode = Params["mode"];
export type Bits = Params["bits"];
export type GroupSize = Params["group_size"];
export type Recipe = NonNullable<Params["recipe"]>;

export const modes: readonly Mode[] = ["affine", "mxfp4", "nvfp4", "mxfp8"];
export const recipes: readonly Recipe[] = ["mixed_2_6", "mixed_3_4", "mixed_3_6", "mixed_4_6"];

/** What each mode can be packed to; only affine leaves a choice. */
export const choices: Record<Mode, { bits: readonly Bits[]; groupSizes: readonly GroupSize[] }> = {
  affine: { bits: [2, 3, 4, 5, 6, 8], groupSizes: [32, 64, 128] },
  mxfp4: { bits: [4], groupSizes: [32] },
  nvfp4: { bits: [4], groupSizes: [16] },
  mxfp8: { bits: [8], groupSizes: [32] },
};

export interface Packing {
  mode: Mode;
  bits: Bits;
  groupSize: GroupSize;
  /** Only of affine; it then decides the bits. */
  recipe: Recipe | null;
}

/** With another mode: bits and groups that it does not have become its first ones, or the usual ones. */
export function withMode(packing: Packing, mode: Mode): Packing {
  const { bits, groupSizes } = choices[mode];
  const pick = <Value>(values: readonly Value[], usual: Value, fallback: Value): Value =>
    values.includes(usual) ? usual : (values[0] ?? fallback);
  return {
    mode,
    bits: pick(bits, 4, packing.bits),
    groupSize: pick(groupSizes, 64, packing.groupSize),
    recipe: mode === "affine" ? packing.recipe : null,
  };
}

/** The name that the hub gives the result: "facts-4bit". */
export function resultName(model: string, { mode, bits, recipe }: Packing): string {
  const suffix = recipe ?? (mode === "affine" ? `${bits}bit` : mode);
  return `${model.slice(0, 100 - suffix.length - 1)}-${suffix}`;
}

/** As POST /jobs wants them; with a recipe the bits are left out. */
export function paramsOf(
  packing: Packing,
  dtype: Params["dtype"],
  check: boolean,
): Partial<Params> {
  const { mode, bits, groupSize, recipe } = packing;
  return {
    mode,
    group_size: groupSize,
    ...(recipe ? { recipe } : { bits }),
    dtype,
    check,
  };
}
