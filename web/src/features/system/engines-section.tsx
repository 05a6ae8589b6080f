"use client";

import { useState } from "react";
import { useHub } from "@/api/client";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Field, Select } from "@/components/ui/field";
import { SkeletonRows } from "@/components/ui/states";
import { EngineLogDialog } from "@/features/engines/engine-log";
import { EnginesTable } from "@/features/engines/engines-table";
import { useEngineActions } from "@/features/engines/use-engine-actions";
import { formatBytes } from "@/format";
import type { System } from "./use-system";

/** The engines: loaded, unloaded, pinned, and what they wrote. */
export function EnginesSection({ system }: { system: System | undefined }) {
  const [log, setLog] = useState<string | null>(null);
  return (
    <Card title="Engines" flush className="min-h-57">
      <LoadModel freeBytes={system?.memory.free_bytes} onLog={setLog} />
      {system ? (
        <EnginesTable engines={system.engines} onLog={setLog} />
      ) : (
        <SkeletonRows rows={2} className="p-4" />
      )}
      <EngineLogDialog model={log} onClose={() => setLog(null)} />
    </Card>
  );
}

interface LoadModelProps {
  freeBytes: number | undefined;
  onLog: (model: string) => void;
}

function LoadModel({ freeBytes, onLog }: LoadModelProps) {
  const { data } = useHub("/models", { params: { query: { limit: 200 } } });
  const models = (data?.data ?? []).filter((model) => model.state === "ready");
  const [chosen, setChosen] = useState("");
  const { load } = useEngineActions();
  const model = models.find(({ name }) => name === chosen);
  const needed = model?.memory_required_bytes;
  return (
    <div className="flex flex-wrap items-end gap-2 border-b border-line px-4 py-3">
      <Field label="Model" hideLabel className="w-72 max-w-full">
        {(ids) => (
          <Select {...ids} value={chosen} onChange={(event) => setChosen(event.target.value)}>
            <option value="">Choose a model</option>
            {models.map(({ id, name }) => (
              <option key={id}>{name}</option>
            ))}
          </Select>
        )}
      </Field>
      <Button disabled={!model} busy={load.busy} onClick={() => void load.run(chosen)}>
        {load.busy ? "Loading" : "Load"}
      </Button>
      <Button look="quiet" disabled={!model} onClick={() => onLog(chosen)}>
        Engine log
      </Button>
      {needed != null && freeBytes != null && (
        <p className="basis-full text-xs text-ink-faint sm:basis-auto sm:self-center">
          Needs {formatBytes(needed)}
          {needed > freeBytes &&
            `, ${formatBytes(freeBytes)} are free: idle engines make room, and jobs wait`}
        </p>
      )}
    </div>
  );
}
