"use client";

import { startTransition, useEffect, useState } from "react";
import { useConnection } from "@/api/events";
import type { Gathering } from "./gathering";

/**
 * Loads the history of each once it is wanted, and whenever the stream of events begins (again): what was missed until
 * then is asked for. Answers a number that grows when one of them has something new.
 */
export function useGatherings(gatherings: readonly Gathering[], wanted = true): number {
  const connection = useConnection();
  useEffect(() => {
    if (!wanted || connection === "offline") return;
    for (const gathering of gatherings) void gathering.load();
  }, [gatherings, wanted, connection]);

  const [version, setVersion] = useState(0);
  useEffect(() => {
    // A transition: charts of many points are rendered in short parts, and the page answers the person meanwhile.
    const show = (): void => startTransition(() => setVersion(versionOf(gatherings)));
    const removers = gatherings.map((gathering) => gathering.subscribe(show));
    show(); // what came before this watched
    return () => {
      for (const remove of removers) remove();
    };
  }, [gatherings]);
  return version;
}

const versionOf = (gatherings: readonly Gathering[]): number =>
  gatherings.reduce((sum, gathering) => sum + gathering.version, 0);
