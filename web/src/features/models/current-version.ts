import type { Schemas } from "@/api/client";

type Model = Schemas["Model"];

/** The version that the bare name means: the alias `production`, else the newest ready one, else the newest. */
export function currentVersion(model: Model): Model["versions"][number] | null {
  const newestFirst = [...model.versions].sort((a, b) => b.version - a.version);
  const production = model.aliases.production;
  return (
    newestFirst.find((one) => one.version === production) ??
    newestFirst.find((one) => one.state === "ready") ??
    newestFirst[0] ??
    null
  );
}

/** "4 bit", "mxfp4": how the weights are packed; null where they are not. */
export function quantizationWords(
  quantization: Schemas["Quantization"] | undefined,
): string | null {
  if (!quantization) return null;
  if (quantization.mode && quantization.mode !== "affine") return quantization.mode;
  return quantization.bits == null ? null : `${quantization.bits} bit`;
}
