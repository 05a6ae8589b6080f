import { smooth, type Points } from "@/components/charts/downsample";
import type { Series } from "@/components/charts/line-chart";

/** A line, and where it is smoothed what was measured behind it. */
export function smoothedSeries(
  line: Pick<Series, "label" | "color" | "dashed">,
  points: Points,
  smoothing: number,
): Series[] {
  if (points.x.length === 0) return [];
  if (smoothing === 0) return [{ ...line, ...points }];
  return [
    { ...line, label: `${line.label} as measured`, ...points, faint: true },
    { ...line, x: points.x, y: smooth(points.y, smoothing) },
  ];
}
