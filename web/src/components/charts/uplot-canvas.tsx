"use client";

import { useCallback, useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "@/components/shell/theme-toggle";
import { Button } from "@/components/ui/button";
import { formatNumber, plural } from "@/format";
import { downsample, type Points } from "./downsample";
import type { LineChartProps, Series } from "./line-chart";
import { zooming, type Span } from "./zoom";

/** A constant of uPlot's types that exists in no code. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
const logarithmic = 3 as uPlot.Scale.Distr;

/** Steps are whole numbers: nothing is marked between them. */
const wholeSteps = Array.from({ length: 10 }, (_, power) =>
  [1, 2, 5].map((digit) => digit * 10 ** power),
).flat();

/** The chart itself, on a canvas. Data that grow are set into it; only another look makes it anew. */
export function UplotCanvas(props: LineChartProps & { height: number }) {
  const { label, series, height, logScale, group } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // What uPlot's callbacks look at: the newest, not those of the render that made the chart.
  const latest = useRef(props);
  const zoom = useRef<Span | null>(null);
  const [isZoomed, setIsZoomed] = useState(false);
  const theme = useTheme();
  const look = JSON.stringify([
    theme,
    logScale,
    group,
    height,
    series.map((one) => [one.label, one.color, one.dashed, one.faint]),
  ]);

  useEffect(() => {
    latest.current = props;
  });

  const show = useCallback((made: uPlot, part: Span): void => {
    const whole = spanOf(latest.current.series);
    zoom.current = part.min > whole.min || part.max < whole.max ? part : null;
    setIsZoomed(zoom.current !== null);
    draw(made, latest.current.series, zoom.current);
  }, []);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const made = new uPlot(
      options(element, latest, show),
      [[], ...latest.current.series.map(() => [])],
      element,
    );
    plot.current = made;
    draw(made, latest.current.series, zoom.current);
    const observer = new ResizeObserver(() => {
      if (element.clientWidth !== made.width) {
        made.setSize({ width: element.clientWidth, height });
      }
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [look, height, show]);

  useEffect(() => {
    if (plot.current) draw(plot.current, series, zoom.current);
  }, [series]);

  return (
    <div className="relative h-full">
      <div ref={box} role="img" aria-label={`${label}: ${pointsWords(props)}`} className="h-full" />
      {isZoomed && (
        <Button
          size="small"
          className="absolute top-1 right-2"
          onClick={() => {
            if (plot.current) show(plot.current, spanOf(series));
          }}
        >
          Show all
        </Button>
      )}
    </div>
  );
}

/** "40 points from step 1 to 40", of the longest line: what there is to see, in words. */
function pointsWords({ series, xLabel }: LineChartProps): string {
  const most = Math.max(...series.map((one) => one.x.length));
  const { min, max } = spanOf(series);
  return `${plural(most, "point")} from ${xLabel} ${formatNumber(min)} to ${formatNumber(max)}`;
}

function spanOf(series: Series[]): Span {
  const firsts = series.map((one) => one.x[0] ?? Infinity);
  const lasts = series.map((one) => one.x.at(-1) ?? -Infinity);
  const min = Math.min(...firsts);
  const max = Math.max(...lasts);
  return { min, max: max > min ? max : min + 1 };
}

/** More than this nobody sees, and drawing takes time: two for each of so many columns. */
const mostColumns = 500;
const lineWidth = 2;

/** Shows a part, or the whole, from as many of its points as there is room for. */
function draw(plot: uPlot, series: Series[], part: Span | null): void {
  const span = part ?? spanOf(series);
  const columns = Math.min(mostColumns, Math.max(100, Math.round(plot.width / 2)));
  const lines = series.map((one) => downsample(one, span.min, span.max, columns));
  lines.forEach((line, at) => {
    const drawn = plot.series[at + 1];
    // Where a line goes up and down at every pixel a thin one shows more, and is drawn ten times as fast.
    if (drawn) drawn.width = series[at]?.faint || line.x.length > plot.width / 2 ? 1 : lineWidth;
  });
  plot.batch(() => {
    plot.setData(aligned(lines), false);
    plot.setScale("x", span);
  });
}

/** The lines as uPlot wants them: one x axis for all, with nothing where a line has no point. */
function aligned(lines: Points[]): uPlot.AlignedData {
  const tables = lines.map(({ x, y }): uPlot.AlignedData => [[...x], [...y]]);
  return tables.length === 1 && tables[0] ? tables[0] : uPlot.join(tables);
}

function options(
  element: HTMLElement,
  latest: { readonly current: LineChartProps },
  show: (plot: uPlot, part: Span) => void,
): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const axis: uPlot.Axis = {
    stroke: color("ink-faint"),
    font: `11px ${style.fontFamily}`,
    grid: { stroke: color("line"), width: 1 },
    ticks: { stroke: color("line"), width: 1, size: 4 },
  };
  const { series, logScale, group, height = 240 } = latest.current;
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    cursor: {
      points: { size: 6 },
      // One cursor for all, but each chart has its own zoom, which its own button takes back.
      ...(group && { sync: { key: group, filters: { pub: followsCursor } } }),
    },
    scales: {
      x: { time: false },
      y: logScale ? { distr: logarithmic, range: logarithmicRange } : {},
    },
    axes: [
      { ...axis, size: 30, incrs: wholeSteps },
      {
        ...axis,
        size: 58,
        values: (_, values) =>
          values.map((value: number | null) => (value == null ? "" : latest.current.format(value))),
      },
    ],
    series: [
      {},
      ...series.map((one): uPlot.Series => ({
        label: one.label,
        stroke: color(`series-${((one.color - 1) % 6) + 1}`),
        width: lineWidth,
        alpha: one.faint ? 0.3 : 1,
        spanGaps: true,
        points: { show: one.x.length === 1 },
        ...(one.dashed && { dash: [6, 4] }),
      })),
    ],
    plugins: [tooltip(latest), zooming({ whole: () => spanOf(latest.current.series), show })],
  };
}

/** What the charts of a group tell each other: where the cursor is, and that it left. */
const followsCursor = (type: string): boolean => type === "mousemove" || type === "mouseleave";

/** Little more than the values, where they reach far enough for a decade's marks to be among them. */
function logarithmicRange(_: uPlot, min: number, max: number): uPlot.Range.MinMax {
  return min > 0 && max / min >= 3 ? [min / 1.1, max * 1.1] : uPlot.rangeLog(min, max, 10, false);
}

/** The values under the cursor, beside it. */
function tooltip(latest: { readonly current: LineChartProps }): uPlot.Plugin {
  const note = document.createElement("div");
  note.className =
    "pointer-events-none absolute z-10 hidden rounded-lg border border-line bg-raised px-2.5 py-1.5 text-xs shadow-lg whitespace-nowrap";
  return {
    hooks: {
      init: (plot) => {
        plot.over.append(note);
        plot.over.addEventListener("mouseleave", () => note.classList.add("hidden"));
      },
      setCursor: (plot) => {
        const { idx, left = -1, top = 0 } = plot.cursor;
        if (idx == null || left < 0) {
          note.classList.add("hidden");
          return;
        }
        const { xLabel, format, series } = latest.current;
        const lines = series.flatMap((one, index) => {
          const value = one.faint ? null : nearest(plot.data[index + 1], idx);
          return value == null ? [] : [`${one.label}: ${format(value)}`];
        });
        note.replaceChildren(
          ...[`${xLabel} ${plot.data[0][idx] ?? ""}`, ...lines].map((text) => {
            const line = document.createElement("div");
            line.textContent = text;
            return line;
          }),
        );
        note.classList.remove("hidden");
        const right = left > plot.over.clientWidth / 2;
        note.style.left = right ? "" : `${left + 12}px`;
        note.style.right = right ? `${plot.over.clientWidth - left + 12}px` : "";
        note.style.top = `${Math.max(0, top - 12)}px`;
      },
    },
  };
}

/** The value at an index, or the last one before it: lines of other steps go through there, too. */
function nearest(values: uPlot.AlignedData[number] | undefined, index: number): number | null {
  for (let at = index; values && at >= 0; at -= 1) {
    const value = values[at];
    if (value != null) return value;
  }
  return null;
}
