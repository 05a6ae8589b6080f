"use client";

import { Table, Td, Th } from "@/components/ui/table";
import { formatBytes } from "@/format";
import type { Holder, Ledger } from "./ledger";
import { HolderName } from "./ledger-legend";

interface LedgerTableProps {
  ledger: Ledger;
  nameOf: (holder: Holder) => string;
}

/** The ledger line by line: what was asked for, what is set aside, what is really taken. */
export function LedgerTable({ ledger, nameOf }: LedgerTableProps) {
  return (
    <Table label="Memory ledger, line by line">
      <thead>
        <tr>
          <Th>Holder</Th>
          <Th numeric title="What was asked for">
            Estimated
          </Th>
          <Th numeric title="The estimate, or what was measured when that is more">
            Reserved
          </Th>
          <Th numeric title="Resident now">
            Measured
          </Th>
          <Th numeric title="The highest measured">
            Peak
          </Th>
        </tr>
      </thead>
      <tbody>
        {ledger.holders.map((holder) => (
          <tr key={holder.key}>
            <Td>
              <span className="flex min-w-48 items-center gap-2.5">
                <span
                  aria-hidden
                  className="size-3 shrink-0 rounded-[3px]"
                  style={{ background: `var(--series-${holder.color})` }}
                />
                <span>
                  <HolderName holder={holder} name={nameOf(holder)} />{" "}
                  <span className="text-xs text-ink-faint">{holder.kind}</span>
                </span>
              </span>
            </Td>
            <Td numeric>{formatBytes(holder.estimatedBytes)}</Td>
            <Td numeric>{formatBytes(holder.reservedBytes)}</Td>
            <Td numeric>{formatBytes(holder.measuredBytes)}</Td>
            <Td numeric>{formatBytes(holder.peakBytes)}</Td>
          </tr>
        ))}
        {ledger.holders.length === 0 && (
          <tr>
            <Td colSpan={5} className="text-ink-faint">
              Nobody holds memory: no model is loaded and no job runs.
            </Td>
          </tr>
        )}
      </tbody>
      <tfoot className="text-ink-soft">
        <Total name="Reserved together" bytes={ledger.reservedBytes} />
        <Total name="of it promised and not yet taken" bytes={ledger.promisedBytes} />
        <Total name="Free for a new load or job" bytes={ledger.freeBytes} />
        <Total name="Budget" bytes={ledger.budgetBytes} />
      </tfoot>
    </Table>
  );
}

function Total({ name, bytes }: { name: string; bytes: number }) {
  return (
    <tr>
      <td className="px-4 py-1.5">{name}</td>
      <td />
      <td className="px-4 py-1.5 text-right font-medium whitespace-nowrap tabular-nums">
        {formatBytes(bytes)}
      </td>
      <td colSpan={2} />
    </tr>
  );
}
