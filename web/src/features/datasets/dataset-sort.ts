import type { Schemas } from "@/api/client";

export interface DatasetSort {
  by: "name" | "format" | "rows" | "size_bytes" | "created_at";
  descending: boolean;
}

/** By one column; equals in the order of registration. */
export function sortedDatasets(
  datasets: readonly Schemas["Dataset"][],
  { by, descending }: DatasetSort,
): Schemas["Dataset"][] {
  const sign = descending ? -1 : 1;
  return [...datasets].sort((a, b) => {
    const [left, right] = [a[by], b[by]];
    const order =
      typeof left === "number" && typeof right === "number"
        ? left - right
        : String(left).localeCompare(String(right), "en", { numeric: true });
    return sign * (order || a.id.localeCompare(b.id));
  });
}
