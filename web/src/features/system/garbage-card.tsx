"use client";

import { useState } from "react";
import { api, type Schemas } from "@/api/client";
import { useAction } from "@/api/action";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { ConfirmDialog } from "@/components/ui/dialog";
import { Field, Select } from "@/components/ui/field";
import { ErrorNotice } from "@/components/ui/states";
import { Table, Td, Th } from "@/components/ui/table";
import { formatBytes, plural } from "@/format";

type Garbage = Omit<Schemas["Garbage"], "next_cursor">;

const ages: [seconds: number, words: string][] = [
  [3_600, "Left alone for an hour"],
  [86_400, "Left alone for a day"],
  [604_800, "Left alone for a week"],
];

async function collect(minAgeSeconds: number, remove: boolean): Promise<Garbage> {
  const { data } = await api.POST("/gc", {
    body: { dry_run: !remove, min_age_seconds: minAgeSeconds },
  });
  if (!data) throw new Error("The hub gave no answer");
  return data;
}

/** Files in the data folder that nothing needs any more: looked for first, removed when asked. */
export function GarbageCard() {
  const [age, setAge] = useState(3_600);
  const [found, setFound] = useState<Garbage | null>(null);
  const [asking, setAsking] = useState(false);
  const look = useAction(async () => setFound(await collect(age, false)));
  const remove = useAction(
    async () => {
      const removed = await collect(age, true);
      setFound(removed);
      return removed;
    },
    {
      done: (removed) =>
        `${plural(removed.data.length, "file or folder", "files or folders")} removed, ${formatBytes(removed.size_bytes)} free again`,
    },
  );
  return (
    <Card title="Unneeded files" flush>
      <div className="space-y-3 p-4 text-sm">
        <p className="text-ink-soft">
          What crashes and removals leave in the data folder. Models, data sets, jobs, backups and
          logs are never touched.
        </p>
        <div className="flex flex-wrap items-end gap-2">
          <Field label="How long a file must have been left alone" hideLabel className="w-56">
            {(ids) => (
              <Select
                {...ids}
                value={age}
                onChange={(event) => {
                  setAge(Number(event.target.value));
                  setFound(null);
                }}
              >
                {ages.map(([seconds, words]) => (
                  <option key={seconds} value={seconds}>
                    {words}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Button busy={look.busy} onClick={() => void look.run()}>
            {look.busy ? "Looking" : "Look"}
          </Button>
          {found?.dry_run && found.data.length > 0 && (
            <Button look="danger" onClick={() => setAsking(true)}>
              Remove {formatBytes(found.size_bytes)}
            </Button>
          )}
        </div>
        <ErrorNotice error={look.error} title="The data folder could not be searched" />
        <p role="status" className="min-h-5 font-medium">
          {found && verdict(found)}
        </p>
      </div>
      {found && found.data.length > 0 && <Items items={found.data} />}
      <ConfirmDialog
        title="Remove unneeded files?"
        open={asking}
        onClose={() => setAsking(false)}
        confirmLabel="Remove them"
        busy={remove.busy}
        error={remove.error}
        onConfirm={() => void remove.run().then((worked) => worked && setAsking(false))}
      >
        <p>
          {plural(found?.data.length ?? 0, "file or folder", "files or folders")} with{" "}
          {formatBytes(found?.size_bytes ?? 0)} are removed for good. The hub looks again first:
          what somebody needs by now stays.
        </p>
      </ConfirmDialog>
    </Card>
  );
}

function verdict({ data, size_bytes: bytes, dry_run: dryRun }: Garbage): string {
  if (data.length === 0) return "Nothing is left over.";
  const what = `${plural(data.length, "file or folder", "files or folders")}, ${formatBytes(bytes)}`;
  return dryRun ? `Found ${what}.` : `Removed ${what}.`;
}

function Items({ items }: { items: Garbage["data"] }) {
  return (
    <Table label="Unneeded files">
      <thead>
        <tr>
          <Th>Kind</Th>
          <Th>Path</Th>
          <Th numeric>Size</Th>
          <Th>Why</Th>
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <tr key={item.path}>
            <Td className="whitespace-nowrap">{item.kind.replaceAll("_", " ")}</Td>
            <Td className="font-mono text-xs break-all">{item.path}</Td>
            <Td numeric>{formatBytes(item.size_bytes)}</Td>
            <Td className="min-w-40">{item.reason}</Td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
