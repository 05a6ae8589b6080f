"use client";

import { useEffect, useSyncExternalStore } from "react";
import type { Answer } from "./answer";
import { Session, type SessionState } from "./session";

let session: Session | null = null;

/** This tab's session. In the browser only: the conversations are there. */
export function playgroundSession(): Session {
  return (session ??= new Session(window.localStorage));
}

export function useSession(): [Session, SessionState] {
  const one = playgroundSession();
  const state = useSyncExternalStore(one.subscribe, () => one.snapshot);
  useEffect(() => {
    window.addEventListener("storage", one.noteStorage);
    return () => window.removeEventListener("storage", one.noteStorage);
  }, [one]);
  return [one, state];
}

/** An answer as it is now, while it is being written. */
export function useAnswer(answer: Answer): Answer {
  const { running } = playgroundSession();
  const now = useSyncExternalStore(
    (listener) => running.subscribe(answer.id, listener),
    () => running.get(answer.id),
  );
  return now ?? answer;
}
