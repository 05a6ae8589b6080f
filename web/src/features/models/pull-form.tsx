"use client";

import { useState, type SubmitEvent } from "react";
import useSWRImmutable from "swr/immutable";
import { useAction } from "@/api/action";
import { api, type Schemas } from "@/api/client";
import { ModelPicker } from "@/components/pickers/model-picker";
import { useToasts } from "@/components/ui/toast";
import { Button } from "@/components/ui/button";
import { Checkbox, Field, Input } from "@/components/ui/field";
import { ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { formatBytes } from "@/format";
import { PullPlan } from "./pull-plan";

interface PullFormProps {
  /** Of the model. */
  name: string;
  /** A pull was begun, or put off. */
  onDone: () => void;
  later?: string;
}

async function planOf(name: string, revision: string): Promise<Schemas["PullPlan"]> {
  const { data } = await api.POST("/models/{id}/pull", {
    params: { path: { id: name } },
    body: { dry_run: true, revision },
  });
  if (!data || !("files" in data)) throw new Error("The hub answered no plan.");
  return data;
}

/** What a pull would bring, and the button that begins it. */
export function PullForm({ name, onDone, later = "Not now" }: PullFormProps) {
  const [text, setText] = useState("main");
  const [revision, setRevision] = useState("main");
  const [base, setBase] = useState("");
  const [force, setForce] = useState(false);
  const toasts = useToasts();
  const plan = useSWRImmutable<Schemas["PullPlan"], unknown>(
    ["pull-plan", name, revision],
    () => planOf(name, revision),
    {
      shouldRetryOnError: false,
      keepPreviousData: false,
    },
  );
  const pull = useAction(async () => {
    await api.POST("/models/{id}/pull", {
      params: { path: { id: name } },
      body: { revision, force, ...(base !== "" && { base }) },
    });
    toasts.say(`${name} is being pulled`);
    onDone();
  });
  const look = (event: SubmitEvent): void => {
    event.preventDefault();
    if (text === revision) void plan.mutate();
    else setRevision(text);
  };
  const found = plan.data;
  const fits = found != null && found.fits_disk && found.fits_memory;
  return (
    <div className="space-y-4">
      <form onSubmit={look} className="flex items-end gap-2">
        <Field label="Revision" className="flex-1">
          {(ids) => (
            <Input
              {...ids}
              value={text}
              autoComplete="off"
              spellCheck={false}
              placeholder="Branch, tag or commit"
              onChange={(event) => setText(event.target.value.trim())}
            />
          )}
        </Field>
        <Button type="submit" busy={plan.isValidating} disabled={text === ""}>
          Look it up
        </Button>
      </form>
      <div aria-live="polite" aria-busy={plan.isLoading} className="min-h-40">
        {plan.isLoading && <SkeletonRows rows={4} />}
        <ErrorNotice error={plan.error} title="There is no plan for this pull" />
        {found && <PullPlan plan={found} />}
      </div>
      {found?.kind === "adapter" && (
        <ModelPicker
          label="Base"
          none="The one whose digest its sender wrote down"
          help="The model that the adapter was trained on"
          value={base}
          onChange={setBase}
        />
      )}
      {found && !fits && (
        <Checkbox
          label="Pull it all the same"
          help="It may fill the disk, or be too large to be served here."
          checked={force}
          onChange={(event) => setForce(event.target.checked)}
        />
      )}
      <ErrorNotice error={pull.error} title="The pull did not begin" />
      <div className="flex justify-end gap-2">
        <Button onClick={onDone}>{later}</Button>
        <Button
          look="primary"
          busy={pull.busy}
          disabled={!found || (!fits && !force)}
          onClick={() => void pull.run()}
        >
          {found && found.download_bytes > 0 ? `Pull ${formatBytes(found.download_bytes)}` : "Pull"}
        </Button>
      </div>
    </div>
  );
}
