"use client";

import { useState, type SubmitEvent } from "react";
import { useSWRConfig } from "swr";
import { api } from "@/api/client";
import { setApiKey } from "@/api/key";
import { useAction } from "@/api/action";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { Dialog } from "@/components/ui/dialog";
import { Checkbox, Field, Input, Select } from "@/components/ui/field";
import { ErrorNotice } from "@/components/ui/states";
import { LimitInputs, limitsAreGood } from "./limit-inputs";
import { limitTexts, limitsOf } from "./limits";
import { lifetimes, nameProblem, scopes, type Scope } from "./key-words";

interface Made {
  name: string;
  secret: string;
}

/** Makes a key and shows its secret, this once. */
export function NewKeyDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const [made, setMade] = useState<Made | null>(null);
  const close = (): void => {
    setMade(null);
    onClose();
  };
  return (
    <Dialog title={made ? `Key ${made.name} is made` : "New API key"} open={open} onClose={close}>
      {made ? <Secret made={made} onDone={close} /> : <KeyForm onMade={setMade} onCancel={close} />}
    </Dialog>
  );
}

function KeyForm({ onMade, onCancel }: { onMade: (made: Made) => void; onCancel: () => void }) {
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<ReadonlySet<Scope>>(new Set<Scope>(["read", "infer"]));
  const [lifetime, setLifetime] = useState(2);
  const [limits, setLimits] = useState(() => limitTexts({}));
  const { mutate } = useSWRConfig();
  const create = useAction(async () => {
    const { data } = await api.POST("/keys", {
      body: {
        name,
        scopes: scopes.map(({ scope }) => scope).filter((scope) => chosen.has(scope)),
        expires_in_seconds: lifetimes[lifetime]?.seconds ?? null,
        limits: limitsOf(limits),
      },
    });
    if (data) onMade({ name: data.name, secret: data.secret });
    await mutate((key) => Array.isArray(key) && key[1] === "/keys");
  });
  const problem = nameProblem(name);
  const toggle = (scope: Scope): void => {
    const next = new Set(chosen);
    if (!next.delete(scope)) next.add(scope);
    setChosen(next);
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void create.run();
  };
  return (
    <form onSubmit={submit} className="space-y-5 text-sm">
      <Field
        label="Name"
        help="Who or what uses it; the audit log shows it."
        error={name !== "" ? problem : null}
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
      <fieldset className="space-y-2.5">
        <legend className="mb-2 font-medium">Scopes</legend>
        {scopes.map(({ scope, opens }) => (
          <Checkbox
            key={scope}
            label={scope}
            help={opens}
            checked={chosen.has(scope)}
            onChange={() => toggle(scope)}
          />
        ))}
      </fieldset>
      <Field label="Expires" className="w-48">
        {(ids) => (
          <Select
            {...ids}
            value={lifetime}
            onChange={(event) => setLifetime(Number(event.target.value))}
          >
            {lifetimes.map(({ words }, index) => (
              <option key={words} value={index}>
                {words}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <LimitInputs texts={limits} onChange={setLimits} />
      <ErrorNotice error={create.error} title="The key could not be made" />
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>Cancel</Button>
        <Button
          type="submit"
          look="primary"
          busy={create.busy}
          disabled={problem !== null || chosen.size === 0 || !limitsAreGood(limits)}
        >
          Make the key
        </Button>
      </div>
    </form>
  );
}

function Secret({ made, onDone }: { made: Made; onDone: () => void }) {
  const [kept, setKept] = useState(false);
  return (
    <div className="space-y-4 text-sm">
      <p className="text-ink-soft">
        Copy the secret now. The hub keeps only its digest and cannot show it again.
      </p>
      <div className="flex items-center gap-2 rounded-lg border border-line bg-sunken p-3">
        <code className="min-w-0 flex-1 font-mono text-xs break-all select-all">{made.secret}</code>
        <CopyButton text={made.secret} label="Copy" />
      </div>
      <p className="text-xs break-words text-ink-faint">
        Programs send it as <code className="font-mono">Authorization: Bearer mh-…</code>, the
        command line takes it from <code className="font-mono">MLX_HUB_API_KEY</code>.
      </p>
      <div className="flex flex-wrap justify-end gap-2">
        <Button
          disabled={kept}
          onClick={() => {
            setApiKey(made.secret);
            setKept(true);
          }}
        >
          {kept ? "This browser uses it" : "Use it in this browser"}
        </Button>
        <Button look="primary" onClick={onDone}>
          I have copied it
        </Button>
      </div>
    </div>
  );
}
