"use client";

import { lazily } from "@/components/ui/lazily";
import { PlaygroundSkeleton } from "./playground-skeleton";

/** Only in the browser: the conversations are there. */
export const PlaygroundPage = lazily(
  () => import("./playground").then((module) => module.Playground),
  <PlaygroundSkeleton />,
);
