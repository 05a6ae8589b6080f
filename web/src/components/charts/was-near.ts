import { useEffect, useState, type RefObject } from "react";

/** Drawn a little before it is seen, when a person scrolls. */
const margin = "100px";

let turns = Promise.resolve();

const aTask = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
/** A page that nobody looks at paints no frames; its charts do not wait for ever. */
const longestFrameMs = 100;
const aFrame = (): Promise<void> =>
  new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, longestFrameMs);
  });

/**
 * Does one piece of work after the other, each in tasks of its own and the next only when what came of the one before
 * was painted: between two charts the page answers the person.
 */
function inTurn(prepare: () => Promise<unknown>, work: () => void): void {
  turns = turns
    .then(prepare)
    .catch(() => undefined) // what could not be loaded is told where it is used
    .then(aTask)
    .then(work)
    .then(aFrame);
}

/**
 * Whether an element with something to show is, or once was, on the screen or nearly so: what nobody sees need not be
 * drawn yet. `prepare` loads what it is drawn with; always the same function.
 */
export function useWasNear(
  element: RefObject<Element | null>,
  hasContent: boolean,
  prepare: () => Promise<unknown>,
): boolean {
  const [wasNear, setWasNear] = useState(false);
  useEffect(() => {
    if (wasNear || !hasContent || !element.current) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        observer.disconnect();
        inTurn(prepare, () => setWasNear(true));
      },
      { rootMargin: margin },
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element, hasContent, prepare, wasNear]);
  return wasNear;
}
