import { useEffect, useState, type RefObject } from "react";

/** Drawn a little before it is seen, when a person scrolls. */
const margin = "100px";

let turns = Promise.resolve();

/** Calls one after the other, each in a task of its own: between two charts the page answers the person. */
function inTurn(work: () => void): void {
  turns = turns.then(
    () =>
      new Promise((resolve) => {
        setTimeout(() => {
          work();
          resolve();
        });
      }),
  );
}

/** Whether an element is, or once was, on the screen or nearly so: what nobody sees need not be drawn yet. */
export function useWasNear(element: RefObject<Element | null>): boolean {
  const [wasNear, setWasNear] = useState(false);
  useEffect(() => {
    if (wasNear || !element.current) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) inTurn(() => setWasNear(true));
      },
      { rootMargin: margin },
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element, wasNear]);
  return wasNear;
}
