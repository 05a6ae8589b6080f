"use client";

import { RefreshCw } from "lucide-react";
import useSWR from "swr";
import { expectOk, hubFetch } from "@/api/client";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { Dialog } from "@/components/ui/dialog";
import { ErrorNotice, Skeleton } from "@/components/ui/states";

const lines = 500;

/** What a model's engines wrote, also those that are gone; `model` null closes it. */
export function EngineLogDialog({ model, onClose }: { model: string | null; onClose: () => void }) {
  return (
    <Dialog title={`Engine log of ${model ?? ""}`} open={model !== null} onClose={onClose} wide>
      {model && <EngineLog model={model} />}
    </Dialog>
  );
}

function EngineLog({ model }: { model: string }) {
  const path = `/engines/${encodeURIComponent(model)}/logs`;
  const { data, error, isValidating, mutate } = useSWR<string, Error>(
    ["engine-log", path],
    async () => {
      const response = await expectOk(await hubFetch(`${path}?lines=${lines}`));
      return response.text();
    },
  );
  return (
    <div className="space-y-3">
      <ErrorNotice error={error} title="The log could not be read" />
      {data === undefined ? (
        !error && <Skeleton className="h-80" />
      ) : (
        <pre
          // A region that scrolls must be reachable by keyboard.
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
          tabIndex={0}
          className="h-80 overflow-auto rounded-lg bg-sunken p-3 font-mono text-xs whitespace-pre-wrap"
        >
          {data || "Its engines have written nothing yet."}
        </pre>
      )}
      <div className="flex items-center justify-between gap-2">
        <p className="text-xs text-ink-faint">The last {lines} lines at most, the newest below.</p>
        <div className="flex gap-2">
          <CopyButton text={data ?? ""} label="Copy" />
          <Button size="small" busy={isValidating} onClick={() => void mutate()}>
            <RefreshCw size={14} aria-hidden />
            Read again
          </Button>
        </div>
      </div>
    </div>
  );
}
