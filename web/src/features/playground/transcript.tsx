"use client";

import { useEffect, useRef, type ReactNode } from "react";

/** So near the end counts as being there. */
const nearPixels = 48;

/** The scrolled part: it follows what is being written, unless the reader went up. */
export function Transcript({
  conversationId,
  children,
}: {
  conversationId: string;
  children: ReactNode;
}) {
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  useEffect(() => {
    const outer = box.current;
    if (!outer || !content.current) return;
    follows.current = true;
    const goToEnd = (): void => {
      if (follows.current) outer.scrollTop = outer.scrollHeight;
    };
    goToEnd();
    const observer = new ResizeObserver(goToEnd);
    observer.observe(content.current);
    observer.observe(outer);
    return () => observer.disconnect();
  }, [conversationId]);
  return (
    <div
      ref={box}
      role="region"
      aria-label="Conversation"
      // What scrolls must be reachable by keyboard.
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      className="min-h-0 flex-1 overflow-y-auto overscroll-contain p-4 -outline-offset-2"
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        follows.current = scrollHeight - scrollTop - clientHeight < nearPixels;
      }}
    >
      <div ref={content}>{children}</div>
    </div>
  );
}
