import type uPlot from "uplot";

export interface Span {
  min: number;
  max: number;
}

/** Of a turn of the wheel, in pixels; lines and pages are counted as browsers count them. */
function pixels(event: WheelEvent, delta: number): number {
  if (event.deltaMode === WheelEvent.DOM_DELTA_LINE) return delta * 16;
  return event.deltaMode === WheelEvent.DOM_DELTA_PAGE ? delta * 400 : delta;
}

/** The part to show after zooming by a factor about a place (0: left edge, 1: right edge). */
export function zoomed(shown: Span, whole: Span, factor: number, place: number): Span {
  const width = shown.max - shown.min;
  // Nothing is between two steps.
  const wanted = Math.min(whole.max - whole.min, Math.max(2, width * factor));
  const min = shown.min + (width - wanted) * place;
  return moved({ min, max: min + wanted }, whole, 0);
}

/** The part to show after moving by a share of its width; it stays within the whole. */
export function moved(shown: Span, whole: Span, share: number): Span {
  const width = shown.max - shown.min;
  const min = Math.min(whole.max - width, Math.max(whole.min, shown.min + width * share));
  return { min: Math.max(min, whole.min), max: Math.min(min + width, whole.max) };
}

interface Zooming {
  /** All that there is to show. */
  whole: () => Span;
  /** Shows a part; the whole is a part, too. */
  show: (plot: uPlot, part: Span) => void;
}

/**
 * Zooms by dragging over a part, by pinching, and with Ctrl and the wheel; moves by swiping sideways and with Shift and
 * the wheel; a double-click goes back. The wheel alone scrolls the page, as everywhere.
 */
export function zooming({ whole, show }: Zooming): uPlot.Plugin {
  const turned = (plot: uPlot, event: WheelEvent): void => {
    const { min, max } = plot.scales.x ?? {};
    if (min == null || max == null) return;
    const aside = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
    const { left, width } = plot.over.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) {
      const factor = Math.exp(pixels(event, event.deltaY) / 300);
      show(plot, zoomed({ min, max }, whole(), factor, (event.clientX - left) / width));
    } else if (Math.abs(aside) > (event.shiftKey ? 0 : Math.abs(event.deltaY))) {
      show(plot, moved({ min, max }, whole(), pixels(event, aside) / width));
    } else {
      return;
    }
    event.preventDefault();
  };
  return {
    opts: (_, options) => {
      // Both are done here: uPlot knows only the points that it was given for the part that is shown.
      options.cursor = {
        ...options.cursor,
        drag: { ...options.cursor?.drag, x: true, y: false, setScale: false },
        bind: { dblclick: () => null },
      };
    },
    hooks: {
      init: (plot) => {
        plot.over.addEventListener("wheel", (event) => turned(plot, event), { passive: false });
        plot.over.addEventListener("dblclick", () => show(plot, whole()));
      },
      setSelect: (plot) => {
        const { left, width } = plot.select;
        if (width <= 0) return;
        const min = plot.posToVal(left, "x");
        const max = plot.posToVal(left + width, "x");
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        show(plot, { min, max });
      },
    },
  };
}
