"use client";

import { useEffect, useRef, useState } from "react";
import { useEvents } from "@/api/events";
import { activityAfter, type Activity } from "./job-activity";

/** Events of a fast job come by the hundred a second: what they say is shown so often at most. */
const showEveryMs = 200;

/** What events have said of running jobs, by id. */
export function useJobActivity(): ReadonlyMap<string, Activity> {
  const [shown, setShown] = useState<ReadonlyMap<string, Activity>>(() => new Map());
  const gathered = useRef(new Map<string, Activity>());
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  useEvents((event) => {
    if (event.subject.kind !== "job") return;
    const { id } = event.subject;
    const after = activityAfter(gathered.current.get(id) ?? null, event);
    if (after) gathered.current.set(id, after);
    else gathered.current.delete(id);
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      setShown(new Map(gathered.current));
    }, showEveryMs);
  });
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
  return shown;
}
