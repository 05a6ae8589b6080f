"use client";

import { useSearchParams } from "next/navigation";
import { useEffect } from "react";
import type { Conversation } from "./conversation";
import type { ModelOption } from "./model-options";
import type { Session } from "./session";

/** The models that the address names: `?model=`, or `?a=&b=` (and `&c=`) side by side. They are used once. */
export function useAddressedModels(
  session: Session,
  current: Conversation,
  options: ModelOption[],
): void {
  const query = useSearchParams();
  useEffect(() => {
    const named = ["model", "a", "b", "c"].flatMap((name) => query.getAll(name)).filter(Boolean);
    if (named.length === 0) return;
    session.start(named);
    // Else a reload would begin yet another conversation.
    window.history.replaceState(null, "", window.location.pathname);
  }, [session, query]);

  const first = options[0]?.value;
  useEffect(() => {
    if (first === undefined) return;
    for (const column of current.columns) {
      if (column.model === "") session.setModel(column.id, first);
    }
  }, [session, current.columns, first]);
}
