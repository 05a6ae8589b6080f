"use client";

import { useState } from "react";
import { Card } from "@/components/ui/card";
import { LinkButton } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/states";
import type { System } from "@/features/system/use-system";
import { readLedger } from "./ledger";
import { LedgerBar } from "./ledger-bar";
import { LedgerLegend } from "./ledger-legend";
import { useHolderNames } from "./use-holder-names";
import { FittingModels } from "./fitting-models";

/** The memory ledger: who holds what of the budget, and what would fit. */
export function MemoryCard({ system }: { system: System | undefined }) {
  return (
    <Card
      title="Memory"
      actions={
        <LinkButton href="/system/" look="quiet" size="small">
          Every line
        </LinkButton>
      }
    >
      {system ? <Held system={system} /> : <Skeleton className="h-41" />}
    </Card>
  );
}

function Held({ system }: { system: System }) {
  const [shown, setShown] = useState<string | null>(null);
  const nameOf = useHolderNames();
  const ledger = readLedger(system.memory);
  return (
    <div className="min-h-41">
      <LedgerBar ledger={ledger} nameOf={nameOf} shown={shown} onShow={setShown} />
      <div className="mt-3 grid grid-cols-1 gap-x-10 gap-y-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <LedgerLegend ledger={ledger} nameOf={nameOf} shown={shown} />
        <FittingModels system={system} />
      </div>
    </div>
  );
}
