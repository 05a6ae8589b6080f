"use client";

import { Pin, PinOff, Power, ScrollText } from "lucide-react";
import { useState } from "react";
import { useHub, type Schemas } from "@/api/client";
import { StateBadge } from "@/components/ui/badge";
import { IconButton } from "@/components/ui/button";
import { ConfirmDialog } from "@/components/ui/dialog";
import { Table, Td, Th } from "@/components/ui/table";
import { formatBytes, formatDuration, formatNumber, plural } from "@/format";
import { formatRate } from "./rate-words";
import { useEngineActions } from "./use-engine-actions";
import { useTokenRates } from "./use-token-rates";

type Engine = Schemas["Engine"];

interface EnginesTableProps {
  engines: Engine[];
  onLog: (model: string) => void;
}

/** The engines with all their figures, and what can be done with them. */
export function EnginesTable({ engines, onLog }: EnginesTableProps) {
  const rates = useTokenRates(engines.length > 0);
  return (
    <Table label="Engines">
      <thead>
        <tr>
          <Th>Model</Th>
          <Th>State</Th>
          <Th numeric>Requests</Th>
          <Th numeric>Tokens/s</Th>
          <Th numeric>Resident</Th>
          <Th>Adapters</Th>
          <Th numeric>Idle</Th>
          <Th numeric>Up</Th>
          <Th numeric>Process</Th>
          <Th>
            <span className="sr-only">Actions</span>
          </Th>
        </tr>
      </thead>
      <tbody>
        {engines.map((engine) => (
          <EngineRow
            key={engine.version_id}
            engine={engine}
            rate={rates?.[engine.model]}
            onLog={() => onLog(engine.model)}
          />
        ))}
        {engines.length === 0 && (
          <tr>
            <Td colSpan={10} className="text-ink-faint">
              No model is loaded. The first question to a model loads it, or choose one above.
            </Td>
          </tr>
        )}
      </tbody>
    </Table>
  );
}

interface EngineRowProps {
  engine: Engine;
  rate: number | undefined;
  onLog: () => void;
}

function EngineRow({ engine, rate, onLog }: EngineRowProps) {
  const version = useHub("/versions/{id}", { params: { path: { id: engine.version_id } } }).data;
  const name = version ? `${version.model}:${version.version}` : engine.model;
  return (
    <tr>
      <Td className="font-medium whitespace-nowrap">{name}</Td>
      <Td>
        <StateBadge state={engine.state} />
      </Td>
      <Td numeric>{formatNumber(engine.requests)}</Td>
      <Td numeric className="min-w-20">
        {formatRate(rate)}
      </Td>
      <Td numeric className="min-w-24">
        {formatBytes(engine.resident_bytes)}
      </Td>
      <Td>{engine.adapters.length === 0 ? "none" : engine.adapters.join(", ")}</Td>
      <Td numeric className="min-w-24">
        {engine.requests > 0 ? "busy" : formatDuration(engine.idle_seconds)}
      </Td>
      <Td numeric className="min-w-24">
        {formatDuration(engine.uptime_seconds)}
      </Td>
      <Td numeric>{engine.pid}</Td>
      <Td numeric>
        <EngineActions engine={engine} name={name} onLog={onLog} />
      </Td>
    </tr>
  );
}

function EngineActions({
  engine,
  name,
  onLog,
}: {
  engine: Engine;
  name: string;
  onLog: () => void;
}) {
  const { unload, pin } = useEngineActions();
  const [asking, setAsking] = useState(false);
  const askOrUnload = (): void => {
    if (engine.requests > 0) setAsking(true);
    else void unload.run(engine.version_id);
  };
  return (
    <span className="inline-flex">
      <IconButton label={`Log of ${name}`} onClick={onLog}>
        <ScrollText size={16} aria-hidden />
      </IconButton>
      <IconButton
        label={engine.pinned ? `Let ${name} be unloaded` : `Keep ${name} loaded`}
        aria-pressed={engine.pinned}
        disabled={pin.busy}
        className={engine.pinned ? "text-accent" : undefined}
        onClick={() => void pin.run(engine.version_id, !engine.pinned)}
      >
        {engine.pinned ? <PinOff size={16} aria-hidden /> : <Pin size={16} aria-hidden />}
      </IconButton>
      <IconButton label={`Unload ${name}`} disabled={unload.busy} onClick={askOrUnload}>
        <Power size={16} aria-hidden />
      </IconButton>
      <ConfirmDialog
        title={`Unload ${name}?`}
        open={asking}
        onClose={() => setAsking(false)}
        confirmLabel="Unload it"
        busy={unload.busy}
        error={unload.error}
        onConfirm={() =>
          void unload.run(engine.version_id).then((worked) => worked && setAsking(false))
        }
      >
        <p className="text-left">
          {plural(engine.requests, "request is", "requests are")} being answered. They are finished
          first; the next question loads the model again.
        </p>
      </ConfirmDialog>
    </span>
  );
}
