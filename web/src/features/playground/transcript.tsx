"use client";

import { useEffect, useRef, type ReactNode, type UIEvent } from "react";

/** So near the end counts as being there. */
const nearPixels = 48;

interface TranscriptProps {
  /** Goes to the end when it changes: another conversation, another message. */
  end: string;
  children: ReactNode;
}

/** The scrolled part: it follows what is being written, unless the reader went up. */
export function Transcript({ end, children }: TranscriptProps) {
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const lastTop = useRef(0);
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
  }, [end]);
  const note = ({ currentTarget }: UIEvent<HTMLDivElement>): void => {
    const { scrollHeight, scrollTop, clientHeight } = currentTarget;
    // A fast model has written more by the time that going to the end is reported: only upwards is the reader's will.
    if (scrollHeight - scrollTop - clientHeight < nearPixels) follows.current = true;
    else if (scrollTop < lastTop.current) follows.current = false;
    lastTop.current = scrollTop;
  };
  return (
    <div
      ref={box}
      role="region"
      aria-label="Conversation"
      // What scrolls must be reachable by keyboard.
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      className="min-h-0 flex-1 overflow-y-auto overscroll-contain p-4 -outline-offset-2"
      onScroll={note}
    >
      <div ref={content}>{children}</div>
    </div>
  );
}
