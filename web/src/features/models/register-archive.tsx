"use client";

import { useState, type SubmitEvent } from "react";
import { useAction } from "@/api/action";
import { api, type Schemas } from "@/api/client";
import { upload } from "@/api/upload";
import { isAbort } from "@/api/errors";
import { Button } from "@/components/ui/button";
import { Field, Input } from "@/components/ui/field";
import { Progress } from "@/components/ui/progress";
import { ErrorNotice } from "@/components/ui/states";
import { Choice } from "@/components/ui/tabs";
import { formatBytes } from "@/format";
import { ImportProgress } from "./imports-card";
import { nameProblem } from "./model-name";
import { useTakingIn } from "./taking-in";

type From = "upload" | "path";

/** An archive that another hub, or this one, made of a model. */
export function RegisterArchive({ onRegistered }: { onRegistered: (name: string) => void }) {
  const [from, setFrom] = useState<From>("upload");
  const [file, setFile] = useState<File | null>(null);
  const [path, setPath] = useState("");
  const [name, setName] = useState("");
  const [sentBytes, setSentBytes] = useState(0);
  const { running, follow, cancel } = useTakingIn();
  const take = useAction(async () => {
    setSentBytes(0);
    const model = await follow(async (requestId, signal) => {
      if (from === "upload" && file) {
        const query = name === "" ? "" : `?${new URLSearchParams({ name }).toString()}`;
        // The one answer of this route that is no error.
        return (await upload({
          path: `/models/import${query}`,
          file,
          contentType: "application/x-tar",
          requestId,
          signal,
          onProgress: setSentBytes,
        })) as Schemas["Model"];
      }
      const { data } = await api.POST("/models/import", {
        headers: { "X-Request-Id": requestId },
        signal,
        body: { path, ...(name !== "" && { name }) },
      });
      return data;
    });
    if (model) onRegistered(model.name);
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void take.run();
  };
  const uploading = take.busy && from === "upload" && file != null && !running;
  return (
    <form onSubmit={submit} className="space-y-4">
      <fieldset disabled={take.busy} className="space-y-4">
        <Choice<From>
          label="Where the archive is"
          options={[
            { id: "upload", label: "In this browser" },
            { id: "path", label: "On the hub’s machine" },
          ]}
          selected={from}
          onSelect={setFrom}
        />
        {from === "upload" ? (
          <Field label="Archive" help="A .tar that a hub made of a model">
            {(ids) => (
              <Input
                {...ids}
                type="file"
                accept=".tar,application/x-tar"
                className="py-1.5"
                onChange={(event) => setFile(event.target.files?.[0] ?? null)}
              />
            )}
          </Field>
        ) : (
          <Field label="Path" help="Inside a folder that the hub may read">
            {(ids) => (
              <Input
                {...ids}
                value={path}
                placeholder="/data/facts.tar"
                autoComplete="off"
                spellCheck={false}
                onChange={(event) => setPath(event.target.value)}
              />
            )}
          </Field>
        )}
        <Field
          label="Name"
          help="Empty: the one that the archive has"
          error={name === "" ? null : nameProblem(name)}
        >
          {(ids) => (
            <Input
              {...ids}
              value={name}
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
      </fieldset>
      <div aria-live="polite">
        {uploading && (
          <>
            <p className="mb-1 text-sm text-ink-soft tabular-nums">
              {formatBytes(sentBytes)} of {formatBytes(file.size)} sent
            </p>
            <Progress label={`Sending ${file.name}`} share={sentBytes / Math.max(1, file.size)} />
          </>
        )}
        {running && <ImportProgress running={running} />}
      </div>
      {!isAbort(take.error) && (
        <ErrorNotice error={take.error} title="The archive could not be taken in" />
      )}
      <div className="flex justify-end gap-2">
        {take.busy && <Button onClick={cancel}>Cancel</Button>}
        <Button
          type="submit"
          look="primary"
          busy={take.busy}
          disabled={
            (from === "upload" ? file == null : path === "") ||
            (name !== "" && nameProblem(name) != null)
          }
        >
          Take it in
        </Button>
      </div>
    </form>
  );
}
