"use client";

import { useCallback, useState } from "react";
import { useToasts } from "@/components/ui/toast";

interface ActionOptions<Result> {
  /** Said when it worked. */
  done?: string | ((result: Result) => string);
  /** Said in front of the reason when it failed; without it the caller shows `error` itself. */
  failed?: string;
}

interface Action<Args extends unknown[]> {
  /** Never throws. True when it worked. */
  run: (...args: Args) => Promise<boolean>;
  busy: boolean;
  error: unknown;
  reset: () => void;
}

/** A change that the user asked for: whether it is under way, and what came of it. */
export function useAction<Args extends unknown[], Result>(
  perform: (...args: Args) => Promise<Result>,
  { done, failed }: ActionOptions<Result> = {},
): Action<Args> {
  const toasts = useToasts();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async (...args: Args): Promise<boolean> => {
    setBusy(true);
    setError(null);
    try {
      const result = await perform(...args);
      if (done) toasts.say(typeof done === "string" ? done : done(result));
      return true;
    } catch (reason) {
      setError(reason);
      if (failed) toasts.fail(failed, reason);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { run, busy, error, reset: useCallback(() => setError(null), []) };
}
