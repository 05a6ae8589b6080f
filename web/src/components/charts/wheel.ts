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

/**
 * Zooms by pinching or with Ctrl and the wheel, moves by swiping sideways or with Shift and the wheel. The wheel alone
 * scrolls the page, as everywhere.
 */
export function wheel(whole: () => Span): uPlot.Plugin {
  return {
    hooks: {
      init: (plot) => {
        plot.over.addEventListener(
          "wheel",
          (event) => {
            const { min, max } = plot.scales.x ?? {};
            if (min == null || max == null) return;
            const turned = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
            const { left, width } = plot.over.getBoundingClientRect();
            if (event.ctrlKey || event.metaKey) {
              const factor = Math.exp(pixels(event, event.deltaY) / 300);
              const place = (event.clientX - left) / width;
              plot.setScale("x", zoomed({ min, max }, whole(), factor, place));
            } else if (Math.abs(turned) > (event.shiftKey ? 0 : Math.abs(event.deltaY))) {
              plot.setScale("x", moved({ min, max }, whole(), pixels(event, turned) / width));
            } else {
              return;
            }
            event.preventDefault();
          },
          { passive: false },
        );
      },
    },
  };
}
