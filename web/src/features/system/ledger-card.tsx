"use client";

import { useState } from "react";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/states";
import { readLedger } from "@/features/memory/ledger";
import { LedgerBar } from "@/features/memory/ledger-bar";
import { LedgerTable } from "@/features/memory/ledger-table";
import { useHolderNames } from "@/features/memory/use-holder-names";
import type { System } from "./use-system";

/** The whole memory ledger. */
export function LedgerCard({ system }: { system: System | undefined }) {
  const [shown, setShown] = useState<string | null>(null);
  const nameOf = useHolderNames();
  const ledger = system && readLedger(system.memory);
  return (
    <Card title="Memory ledger" flush className="min-h-72">
      {ledger ? (
        <>
          <div className="p-4 pb-2">
            <LedgerBar ledger={ledger} nameOf={nameOf} shown={shown} onShow={setShown} />
          </div>
          <LedgerTable ledger={ledger} nameOf={nameOf} />
        </>
      ) : (
        <Skeleton className="m-4 h-52" />
      )}
    </Card>
  );
}
