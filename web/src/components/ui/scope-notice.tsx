"use client";

import { KeyRound } from "lucide-react";
import { ApiError } from "@/api/errors";
import { askForKey } from "@/api/key";
import { Button } from "./button";
import { ErrorNotice } from "./states";

/** The hub has the answer and does not give it to this browser's key. */
export const lacksScope = (error: unknown): boolean =>
  error instanceof ApiError && error.code === "insufficient_scope";

interface ScopeNoticeProps {
  error: unknown;
  /** What the page shows, in the plural: "Logs". */
  what: string;
  title: string;
  retry?: () => void;
}

/** An error; where it is that the key allows too little, what to do about that. */
export function ScopeNotice({ error, what, title, retry }: ScopeNoticeProps) {
  if (!lacksScope(error)) return <ErrorNotice error={error} title={title} retry={retry} />;
  return (
    <div
      role="alert"
      className="flex flex-wrap items-center gap-4 rounded-lg border border-line bg-surface px-4 py-4 text-sm"
    >
      <KeyRound size={20} aria-hidden className="shrink-0 text-warn" />
      <div className="min-w-0 flex-1 basis-64">
        <p className="font-medium">{what} need an API key with scope admin</p>
        <p className="mt-0.5 text-ink-soft">
          This browser&apos;s key allows less. On the hub&apos;s machine{" "}
          <code className="font-mono text-xs">mlx-hub keys create --name me --scope admin</code>{" "}
          makes one.
        </p>
      </div>
      <Button onClick={askForKey}>Use another key</Button>
    </div>
  );
}
