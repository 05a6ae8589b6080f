/** A value of an open object as text: a parameter, a part of an environment. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  // Small rates as people write them: "2e-4".
  if (typeof value === "number" && value !== 0 && Math.abs(value) < 1e-3) {
    return value.toExponential();
  }
  return JSON.stringify(value);
}
