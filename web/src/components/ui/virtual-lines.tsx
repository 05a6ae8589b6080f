"use client";

import { useVirtualizer } from "@tanstack/react-virtual";
import clsx from "clsx";
import { useEffect, useRef, type ReactNode } from "react";

const lineHeight = 20;

interface VirtualLinesProps {
  /** What the lines are, for screen readers. */
  label: string;
  count: number;
  line: (index: number) => ReactNode;
  /** Long lines are broken; else the list scrolls sideways. */
  wrap: boolean;
  /** Stays at the end when lines are added. */
  follow: boolean;
  /** The reader has scrolled away from the end, or back to it. */
  onFollow: (follow: boolean) => void;
  className?: string;
}

/** Many lines of text, of which only those that can be seen are in the document. */
export function VirtualLines(props: VirtualLinesProps) {
  const { label, count, line, wrap, follow, onFollow, className } = props;
  const scroller = useRef<HTMLDivElement>(null);
  // Its functions change without it, which the compiler's rule warns of; nothing here is memoised by them.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => lineHeight,
    overscan: 20,
  });
  const items = virtual.getVirtualItems();

  useEffect(() => {
    virtual.measure();
  }, [virtual, wrap]);

  useEffect(() => {
    if (follow && count > 0) virtual.scrollToIndex(count - 1, { align: "end" });
  }, [virtual, follow, count, wrap]);

  const scrolled = (): void => {
    const element = scroller.current;
    if (!element) return;
    const left = element.scrollHeight - element.scrollTop - element.clientHeight;
    // Only who reads elsewhere stops following: while lines are added the end runs ahead for a moment.
    if (left < lineHeight) onFollow(true);
  };

  return (
    // A region that scrolls must be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      ref={scroller}
      role="region"
      aria-label={label}
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      onScroll={scrolled}
      onWheel={(event) => {
        if (event.deltaY < 0) onFollow(false);
      }}
      onKeyDown={(event) => {
        if (["ArrowUp", "PageUp", "Home"].includes(event.key)) onFollow(false);
      }}
      className={clsx("overflow-auto overscroll-contain font-mono text-xs", className)}
    >
      <div className="relative w-full" style={{ height: virtual.getTotalSize() }}>
        <div
          className={clsx("absolute top-0 left-0", wrap ? "w-full" : "w-max min-w-full")}
          style={{ transform: `translateY(${items[0]?.start ?? 0}px)` }}
        >
          {items.map((item) => (
            <div
              key={item.key}
              data-index={item.index}
              ref={wrap ? virtual.measureElement : undefined}
              className={clsx(
                "min-h-5 px-4 leading-5",
                wrap ? "break-words whitespace-pre-wrap" : "whitespace-pre",
              )}
            >
              {line(item.index)}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
