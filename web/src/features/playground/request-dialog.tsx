"use client";

import { useState } from "react";
import { apiKey } from "@/api/key";
import { CopyButton } from "@/components/ui/copy-button";
import { Dialog } from "@/components/ui/dialog";
import { Tabs, type Tab } from "@/components/ui/tabs";
import type { Answer } from "./answer";
import { curlCode, jsonCode, pythonCode } from "./request-code";

type Form = "curl" | "python" | "json";
const forms: Tab<Form>[] = [
  { id: "curl", label: "curl" },
  { id: "python", label: "Python" },
  { id: "json", label: "JSON" },
];

/** The request that brought an answer, to be sent again from elsewhere. */
export function RequestDialog({ answer, onClose }: { answer: Answer; onClose: () => void }) {
  const [form, setForm] = useState<Form>("curl");
  const client = { origin: window.location.origin, needsKey: apiKey() !== null };
  const code = {
    curl: () => curlCode(answer.request, client),
    python: () => pythonCode(answer.request, client),
    json: () => jsonCode(answer.request),
  }[form]();
  return (
    <Dialog title="The request of this answer" open onClose={onClose} wide>
      <Tabs label="Written as" tabs={forms} selected={form} onSelect={setForm}>
        {/* What scrolls must be reachable by keyboard. */}
        <pre
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
          tabIndex={0}
          role="region"
          aria-label="Code"
          className="max-h-[55dvh] overflow-auto rounded-lg border border-line bg-sunken p-3 text-xs"
        >
          <code className="font-mono">{code}</code>
        </pre>
        <div className="mt-3 flex flex-wrap items-center justify-between gap-2">
          <p className="text-xs text-ink-faint">
            {form === "python" && "With the openai package. "}
            {client.needsKey && form !== "json" && "The key comes from MLX_HUB_API_KEY. "}
            {answer.requestId && (
              <>
                In the logs it is request{" "}
                <code className="font-mono break-all select-all">{answer.requestId}</code>.
              </>
            )}
          </p>
          <CopyButton text={code} label="Copy" />
        </div>
      </Tabs>
    </Dialog>
  );
}
