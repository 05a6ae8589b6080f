"use client";

import clsx from "clsx";
import { formatBytes, formatPercent } from "@/format";
import type { Holder, Ledger } from "./ledger";

interface LedgerBarProps {
  ledger: Ledger;
  /** What a holder is called. */
  nameOf: (holder: Holder) => string;
  /** Key of the part that is pointed at. */
  shown: string | null;
  onShow: (key: string | null) => void;
}

interface Part {
  key: string;
  name: string;
  bytes: number;
  /** Really taken, of the bytes reserved. */
  share: number;
  color: string | null;
  ground: string;
  words: string;
}

/** Who holds the memory budget, as one stacked bar. Full colour is taken, pale colour is reserved and not yet taken. */
export function LedgerBar({ ledger, nameOf, shown, onShow }: LedgerBarProps) {
  const parts = partsOf(ledger, nameOf);
  const pointed = parts.find((part) => part.key === shown);
  return (
    <div>
      <div
        role="group"
        aria-label="Memory budget"
        className="flex h-9 gap-0.5 overflow-hidden rounded-lg bg-line"
      >
        {parts.map((part) => (
          <button
            key={part.key}
            type="button"
            aria-label={part.words}
            onMouseEnter={() => onShow(part.key)}
            onMouseLeave={() => onShow(null)}
            onFocus={() => onShow(part.key)}
            onBlur={() => onShow(null)}
            style={{ width: `${(100 * part.bytes) / ledger.totalBytes}%` }}
            className={clsx(
              "relative h-full min-w-1 shrink overflow-hidden transition-[width] duration-500",
              "focus-visible:outline-offset-[-3px]",
              part.ground,
              shown && part.key !== shown && "opacity-60",
            )}
          >
            {part.color && (
              <>
                <span className="absolute inset-0 opacity-35" style={{ background: part.color }} />
                <span
                  className="absolute inset-y-0 left-0 transition-[width] duration-500"
                  style={{ background: part.color, width: `${100 * part.share}%` }}
                />
              </>
            )}
          </button>
        ))}
      </div>
      <p className="mt-2 h-4 truncate text-xs text-ink-soft tabular-nums">
        {pointed
          ? pointed.words
          : `${formatBytes(ledger.reservedBytes)} of ${formatBytes(ledger.budgetBytes)} reserved (${formatPercent(ledger.reservedBytes / ledger.budgetBytes)}), ${formatBytes(ledger.freeBytes)} free`}
      </p>
    </div>
  );
}

function partsOf(ledger: Ledger, nameOf: (holder: Holder) => string): Part[] {
  const parts = ledger.holders.map((holder): Part => {
    const { reservedBytes, measuredBytes, key, kind, color } = holder;
    const name = nameOf(holder);
    return {
      key,
      name,
      bytes: reservedBytes,
      share: reservedBytes > 0 ? measuredBytes / reservedBytes : 0,
      color: `var(--series-${color})`,
      ground: "bg-surface",
      words: `${kind === "engine" ? "Engine " : ""}${name}: ${formatBytes(reservedBytes)} reserved, ${formatBytes(measuredBytes)} taken`,
    };
  });
  const { elsewhereBytes, freeBytes } = ledger;
  if (elsewhereBytes > 0) {
    parts.push({
      ...rest,
      key: elsewhereKey,
      name: "Other programs",
      bytes: elsewhereBytes,
      ground: "bg-[repeating-linear-gradient(135deg,var(--line)_0_4px,var(--sunken)_4px_8px)]",
      words: `Other programs of this machine hold ${formatBytes(elsewhereBytes)} of the budget`,
    });
  }
  if (freeBytes > 0) {
    parts.push({
      ...rest,
      key: freeKey,
      name: "Free",
      bytes: freeBytes,
      ground: "bg-sunken",
      words: `Free: ${formatBytes(freeBytes)}`,
    });
  }
  return parts;
}

const rest = { share: 0, color: null };
/** No owner is called so: owners are two words. */
export const elsewhereKey = "elsewhere";
export const freeKey = "free";
