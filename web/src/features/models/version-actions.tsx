"use client";

import { useState } from "react";
import { api, type Schemas } from "@/api/client";
import { useAction } from "@/api/action";
import { Button } from "@/components/ui/button";
import { lazily } from "@/components/ui/lazily";
import { ErrorNotice } from "@/components/ui/states";
import { formatBytes, plural } from "@/format";
import { EngineControls } from "./engine-controls";
import { engineOf, useEngines } from "./engines";

const MoveAliasDialog = lazily(() =>
  import("./move-alias-dialog").then((module) => module.MoveAliasDialog),
);
const DeleteVersionDialog = lazily(() =>
  import("./delete-version-dialog").then((module) => module.DeleteVersionDialog),
);

interface VersionActionsProps {
  model: Schemas["Model"];
  version: Schemas["Version"];
}

export function VersionActions({ model, version }: VersionActionsProps) {
  const [found, setFound] = useState<Schemas["Verification"] | null>(null);
  const [open, setOpen] = useState<"alias" | "delete" | null>(null);
  const { data: engines } = useEngines();
  const verify = useAction(async () => {
    setFound(null);
    const { data } = await api.POST("/versions/{id}/verify", {
      params: { path: { id: version.id } },
    });
    setFound(data ?? null);
  });
  return (
    <>
      <div className="mt-4 flex flex-wrap gap-2 border-t border-line pt-4">
        {version.state === "ready" && (
          <>
            <EngineControls
              value={`${version.model}:${version.version}`}
              engine={engineOf([version.id], engines?.data ?? [])}
              small
            />
            <Button size="small" onClick={() => setOpen("alias")}>
              Set an alias
            </Button>
          </>
        )}
        {version.state !== "pending" && (
          <Button size="small" busy={verify.busy} onClick={() => void verify.run()}>
            {verify.busy ? "Reading every byte" : "Verify"}
          </Button>
        )}
        <Button size="small" look="danger" onClick={() => setOpen("delete")}>
          Delete this version
        </Button>
      </div>
      <div aria-live="polite" className="mt-3 empty:mt-0">
        <ErrorNotice error={verify.error} title="The version could not be verified" />
        {found && <Finding found={found} />}
      </div>
      {open === "alias" && (
        <MoveAliasDialog
          model={model}
          alias={null}
          to={version.version}
          onClose={() => setOpen(null)}
        />
      )}
      {open === "delete" && (
        <DeleteVersionDialog model={model} version={version} onClose={() => setOpen(null)} />
      )}
    </>
  );
}

function Finding({ found }: { found: Schemas["Verification"] }) {
  if (found.problems.length === 0) {
    return (
      <p className="rounded-lg bg-good-soft px-3 py-2 text-sm text-good">
        {formatBytes(found.bytes_read)} read: everything is as it was recorded.
      </p>
    );
  }
  return (
    <div className="rounded-lg bg-bad-soft px-3 py-2 text-sm">
      <p className="font-medium text-bad">
        {plural(found.problems.length, "problem")} found; the version is corrupt now.
      </p>
      <ul className="mt-1 list-disc space-y-0.5 pl-5">
        {found.problems.map((problem) => (
          <li key={problem} className="break-words">
            {problem}
          </li>
        ))}
      </ul>
    </div>
  );
}
