"use client";

import { startTransition, useEffect, useState, type ReactNode } from "react";

interface LaterProps {
  /** Pixels that are kept free until then: about what the content takes. */
  height: number;
  children: ReactNode;
}

/**
 * What is below the first screen: rendered after what a person sees at once, in short parts between which the page
 * answers.
 */
export function Later({ height, children }: LaterProps) {
  const [isDue, setIsDue] = useState(false);
  useEffect(() => startTransition(() => setIsDue(true)), []);
  return isDue ? children : <div style={{ height }} />;
}
