import type { Locator, Page } from "@playwright/test";

export interface Frames {
  perSecond: number;
  /** The longest time between two frames. */
  longestMs: number;
  /** Processor time of the page's main thread for a frame: what is left of it on a machine that is busy otherwise. */
  cpuMs: number;
}

/** What is done to an element before each frame; blinking changes as little as can be seen. */
type Motion = "blink" | "scroll" | "zoom" | "pan";

/** Moves an element for some seconds, a little at each frame, and counts the frames that were drawn meanwhile. */
export async function framesWhile(
  page: Page,
  element: Locator,
  motion: Motion,
  seconds = 3,
): Promise<Frames> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const busySeconds = async (): Promise<number> => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0;
  };
  const before = await busySeconds();
  const { frames, passed, longestMs } = await element.evaluate(drive, { motion, seconds });
  const busy = (await busySeconds()) - before;
  await session.detach();
  return { perSecond: frames / passed, longestMs, cpuMs: (1000 * busy) / frames };
}

interface Driven {
  frames: number;
  /** Seconds. */
  passed: number;
  longestMs: number;
}

/** Runs in the page. */
function drive(
  target: HTMLElement | SVGElement,
  { motion, seconds }: { motion: Motion; seconds: number },
): Promise<Driven> {
  const box = target.getBoundingClientRect();
  const turn = (init: WheelEventInit): void => {
    target.dispatchEvent(
      new WheelEvent("wheel", {
        bubbles: true,
        cancelable: true,
        clientX: box.left + box.width * 0.6,
        clientY: box.top + box.height / 2,
        ...init,
      }),
    );
  };
  const moves: Record<Motion, (at: number) => void> = {
    blink: (at) => {
      target.style.outline = `${Math.round(at * 1000) % 2}px solid`;
    },
    scroll: (at) => {
      target.scrollTop = target.scrollHeight * at;
    },
    // In, and out again; there, and back again.
    zoom: (at) => turn({ ctrlKey: true, deltaY: at < 0.5 ? -40 : 40 }),
    pan: (at) => turn({ deltaX: at < 0.5 ? 30 : -30 }),
  };
  return new Promise((resolve) => {
    const began = performance.now();
    let last = began;
    let frames = 0;
    let longestMs = 0;
    const frame = (): void => {
      const now = performance.now();
      longestMs = Math.max(longestMs, now - last);
      last = now;
      const passed = (now - began) / 1000;
      if (passed >= seconds) {
        resolve({ frames, passed, longestMs });
        return;
      }
      frames += 1;
      moves[motion](passed / seconds);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}
