"use client";

import { useState, type SubmitEvent } from "react";
import { api, type Schemas } from "@/api/client";
import { useAction } from "@/api/action";
import { Button } from "@/components/ui/button";
import { Card, Facts } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import { Field, Input } from "@/components/ui/field";
import { ErrorNotice } from "@/components/ui/states";
import { Choice } from "@/components/ui/tabs";
import { formatBytes, formatNumber } from "@/format";

type Backup = Schemas["Backup"];
type How = "reference" | "copy";

const hows = [
  { id: "reference", label: "Name the files" },
  { id: "copy", label: "Copy the files" },
] as const;

const meanings: Record<How, string> = {
  reference: "Small and quick: the database, and of model files where they lie. They must stay.",
  copy: "Complete: can be restored on another machine. Links files instead of copying where it can.",
};

/** Makes a backup of the database and of what it knows. */
export function BackupCard() {
  const [how, setHow] = useState<How>("reference");
  const [path, setPath] = useState("");
  const [made, setMade] = useState<Backup | null>(null);
  const backUp = useAction(
    async () => {
      const { data } = await api.POST("/backup", {
        body: { artifacts: how, path: path.trim() || null },
      });
      setMade(data ?? null);
    },
    { done: "The backup is made" },
  );
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setMade(null);
    void backUp.run();
  };
  return (
    <Card title="Backup">
      <form onSubmit={submit} className="space-y-3 text-sm">
        <Choice label="What of the model files" options={hows} selected={how} onSelect={setHow} />
        <p className="min-h-10 text-ink-soft">{meanings[how]}</p>
        <Field
          label="Folder"
          help="An empty or new folder inside an allowed one. Empty: backups/<time> in the data folder."
        >
          {(ids) => (
            <Input
              {...ids}
              value={path}
              spellCheck={false}
              className="font-mono"
              onChange={(event) => setPath(event.target.value)}
            />
          )}
        </Field>
        <Button type="submit" busy={backUp.busy}>
          {backUp.busy ? "Backing up" : "Back up"}
        </Button>
        <ErrorNotice error={backUp.error} title="The backup could not be made" />
        {made && <Made backup={made} />}
      </form>
    </Card>
  );
}

function Made({ backup }: { backup: Backup }) {
  return (
    <div role="status" className="space-y-2 border-t border-line pt-3">
      <div className="flex items-center gap-1">
        <code className="min-w-0 font-mono text-xs break-all">{backup.path}</code>
        <CopyButton text={backup.path} what="Copy the path" />
      </div>
      <Facts
        facts={[
          ["Versions", formatNumber(backup.versions)],
          ["Files", `${formatNumber(backup.files)}, ${formatBytes(backup.size_bytes)}`],
          [
            "How",
            `${formatNumber(backup.copied)} copied, ${formatNumber(backup.linked)} linked, ${formatNumber(backup.referenced)} named`,
          ],
          ["Missing", backup.missing.length === 0 ? "none" : backup.missing.join(", ")],
        ]}
      />
    </div>
  );
}
