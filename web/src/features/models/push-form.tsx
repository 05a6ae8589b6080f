"use client";

import { useState, type SubmitEvent } from "react";
import { useAction } from "@/api/action";
import { api, type Schemas } from "@/api/client";
import { Button } from "@/components/ui/button";
import { Checkbox, Field, Input, Select } from "@/components/ui/field";
import { ErrorNotice } from "@/components/ui/states";
import { currentVersion } from "./current-version";
import { repositoryProblem } from "./model-name";

interface PushFormProps {
  model: Schemas["Model"];
  onDone: () => void;
}

export function PushForm({ model, onDone }: PushFormProps) {
  const ready = model.versions.filter((version) => version.state === "ready");
  const [repository, setRepository] = useState("");
  const [version, setVersion] = useState(currentVersion(model)?.version ?? 1);
  const [revision, setRevision] = useState("main");
  const [message, setMessage] = useState("");
  const [hidden, setHidden] = useState(true);
  const push = useAction(
    async () => {
      await api.POST("/models/{id}/push", {
        params: { path: { id: model.id } },
        body: {
          repository,
          model: `${model.name}:${version}`,
          revision,
          private: hidden,
          ...(message !== "" && { message }),
        },
      });
    },
    { done: `${model.name} is being pushed to ${repository}` },
  );
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (await push.run()) onDone();
  };
  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-4">
      <p className="text-sm text-ink-soft">
        One commit with the version’s files, a model card (base, digests, settings, figures, how to
        use it) and what a pull needs to check the digest. It goes out under the account of the
        hub’s token.
      </p>
      <Field
        label="Repository"
        help="Made where it is missing"
        error={repository === "" ? null : repositoryProblem(repository)}
      >
        {(ids) => (
          <Input
            {...ids}
            value={repository}
            placeholder="organisation/name"
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setRepository(event.target.value.trim())}
          />
        )}
      </Field>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Version">
          {(ids) => (
            <Select
              {...ids}
              value={version}
              onChange={(event) => setVersion(Number(event.target.value))}
            >
              {ready.map((one) => (
                <option key={one.id} value={one.version}>
                  Version {one.version} · {one.kind}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Branch">
          {(ids) => (
            <Input
              {...ids}
              value={revision}
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setRevision(event.target.value.trim())}
            />
          )}
        </Field>
      </div>
      <Field label="Message of the commit">
        {(ids) => (
          <Input
            {...ids}
            value={message}
            placeholder={`Upload ${model.name} version ${version}`}
            onChange={(event) => setMessage(event.target.value)}
          />
        )}
      </Field>
      <Checkbox
        label="Private, when the repository is made"
        checked={hidden}
        onChange={(event) => setHidden(event.target.checked)}
      />
      <ErrorNotice error={push.error} title="The push did not begin" />
      <div className="flex justify-end gap-2">
        <Button onClick={onDone}>Cancel</Button>
        <Button
          type="submit"
          look="primary"
          busy={push.busy}
          disabled={repositoryProblem(repository) != null || revision === ""}
        >
          Push
        </Button>
      </div>
    </form>
  );
}
