"use client";

import clsx from "clsx";
import type { ReactNode } from "react";
import { Link } from "@/components/ui/link";
import { formatBytes } from "@/format";
import { jobHref } from "@/links";
import type { Holder, Ledger } from "./ledger";
import { elsewhereKey, freeKey } from "./ledger-bar";

interface LedgerLegendProps {
  ledger: Ledger;
  nameOf: (holder: Holder) => string;
  shown: string | null;
}

/** The bar's parts with their figures. */
export function LedgerLegend({ ledger, nameOf, shown }: LedgerLegendProps) {
  return (
    <ul className="space-y-0.5 text-sm">
      {ledger.holders.map((holder) => (
        <Entry
          key={holder.key}
          color={`var(--series-${holder.color})`}
          lit={shown === holder.key}
          name={<HolderName holder={holder} name={nameOf(holder)} />}
          bytes={holder.reservedBytes}
          note={`${holder.kind}, ${formatBytes(holder.measuredBytes)} taken`}
        />
      ))}
      {ledger.elsewhereBytes > 0 && (
        <Entry
          color="var(--line-strong)"
          lit={shown === elsewhereKey}
          name="Other programs"
          bytes={ledger.elsewhereBytes}
          note="of the budget"
        />
      )}
      <Entry
        color="var(--sunken)"
        lit={shown === freeKey}
        name="Free"
        bytes={ledger.freeBytes}
        note="for a new load or job"
      />
    </ul>
  );
}

interface EntryProps {
  color: string;
  lit: boolean;
  name: ReactNode;
  bytes: number;
  note: string;
}

function Entry({ color, lit, name, bytes, note }: EntryProps) {
  return (
    <li
      className={clsx(
        "-mx-2 flex min-w-0 items-center gap-2.5 rounded-md px-2 py-1",
        lit && "bg-sunken",
      )}
    >
      <span
        aria-hidden
        className="size-3 shrink-0 rounded-[3px] border border-line-strong/50"
        style={{ background: color }}
      />
      <span className="min-w-0 flex-1 truncate">{name}</span>
      <span className="text-xs whitespace-nowrap text-ink-faint tabular-nums max-sm:hidden">
        {note}
      </span>
      <span className="w-20 text-right font-medium whitespace-nowrap tabular-nums">
        {formatBytes(bytes)}
      </span>
    </li>
  );
}

/** Where more is told of who holds memory. */
export function HolderName({ holder, name }: { holder: Holder; name: string }) {
  if (holder.kind === "job") {
    return (
      <Link href={jobHref(holder.name)} className="hover:underline">
        {name}
      </Link>
    );
  }
  return name;
}
