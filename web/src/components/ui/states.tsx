import clsx from "clsx";
import type { ReactNode } from "react";
import { ApiError, OfflineError, messageOf } from "@/api/errors";
import { Button } from "./button";

/** Holds the place of what is loading, in its size, so that nothing moves when it comes. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={clsx("animate-pulse rounded-md bg-sunken", className)} />;
}

export function SkeletonRows({ rows = 4, className }: { rows?: number; className?: string }) {
  return (
    <div role="status" aria-label="Loading" className={clsx("space-y-3", className)}>
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} className="h-9" />
      ))}
    </div>
  );
}

interface EmptyStateProps {
  title: string;
  /** What to do next. */
  children?: ReactNode;
  action?: ReactNode;
}

/** Nothing is here yet: says why and what to do next. */
export function EmptyState({ title, children, action }: EmptyStateProps) {
  return (
    <div className="flex flex-col items-center gap-3 px-6 py-12 text-center">
      <p className="font-medium">{title}</p>
      {children && <div className="w-full max-w-md text-sm text-ink-soft">{children}</div>}
      {action}
    </div>
  );
}

interface ErrorNoticeProps {
  error: unknown;
  /** What failed, as a heading: "The job could not be queued". */
  title?: string;
  retry?: () => void;
}

/** What went wrong in the hub's own words, with the request id that finds it in the logs. */
export function ErrorNotice({ error, title, retry }: ErrorNoticeProps) {
  if (error == null) return null;
  return (
    <div role="alert" className="rounded-lg border border-bad/40 bg-bad-soft px-4 py-3 text-sm">
      <p className="font-medium text-bad">
        {title ??
          (error instanceof OfflineError ? "No connection to the hub" : "That did not work")}
      </p>
      <p className="mt-1 break-words whitespace-pre-line text-ink">{messageOf(error)}</p>
      {error instanceof ApiError && error.requestId && (
        <p className="mt-1 text-xs text-ink-soft">
          Request <code className="font-mono select-all">{error.requestId}</code>
        </p>
      )}
      {retry && (
        <Button size="small" className="mt-3" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}
