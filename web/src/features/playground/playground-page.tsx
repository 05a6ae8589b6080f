"use client";

import dynamic from "next/dynamic";
import { PlaygroundSkeleton } from "./playground-skeleton";

/** Only in the browser: the conversations are there. */
export const PlaygroundPage = dynamic(
  () => import("./playground").then((module) => module.Playground),
  { ssr: false, loading: PlaygroundSkeleton },
);
