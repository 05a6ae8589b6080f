import clsx from "clsx";
import type { ReactNode } from "react";

interface CardProps {
  title?: ReactNode;
  /** Of the title; 2 below a page's own heading. */
  level?: 2 | 3;
  /** At the right of the title: buttons, a link. */
  actions?: ReactNode;
  /** Without padding, for tables and lists that reach the edge. */
  flush?: boolean;
  className?: string;
  children: ReactNode;
}

export function Card({ title, level = 2, actions, flush, className, children }: CardProps) {
  const Heading = level === 2 ? "h2" : "h3";
  return (
    <section className={clsx("min-w-0 rounded-xl border border-line bg-surface", className)}>
      {(title ?? actions) && (
        <header className="flex min-h-12 flex-wrap items-center justify-between gap-2 border-b border-line px-4 py-2">
          <Heading className="text-sm font-semibold">{title}</Heading>
          {actions && <div className="flex items-center gap-1">{actions}</div>}
        </header>
      )}
      <div className={clsx(!flush && "p-4")}>{children}</div>
    </section>
  );
}

interface StatProps {
  label: string;
  value: ReactNode;
  /** What the figure is measured against, or what it means. */
  note?: ReactNode;
}

/** One figure with its name. In a `<dl>`. */
export function Stat({ label, value, note }: StatProps) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-ink-faint">{label}</dt>
      <dd className="mt-0.5 truncate text-lg font-semibold tabular-nums">{value}</dd>
      {note != null && <dd className="truncate text-xs text-ink-faint">{note}</dd>}
    </div>
  );
}

/** Names and values, one below the other; for facts, not figures. */
export function Facts({ facts }: { facts: [name: string, value: ReactNode][] }) {
  return (
    <dl className="grid grid-cols-[minmax(7rem,max-content)_minmax(0,1fr)] gap-x-6 gap-y-2 text-sm">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-ink-faint">{name}</dt>
          <dd className="min-w-0 break-words">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
