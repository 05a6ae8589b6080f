"use client";

import { useState, type SubmitEvent } from "react";
import { useAction } from "@/api/action";
import { api } from "@/api/client";
import { Button } from "@/components/ui/button";
import { Checkbox, Field, Input } from "@/components/ui/field";
import { ErrorNotice } from "@/components/ui/states";
import { nameProblem, repositoryProblem, suggestedName } from "./model-name";

interface RegisterRepositoryProps {
  onRegistered: (name: string, pull: boolean) => void;
}

export function RegisterRepository({ onRegistered }: RegisterRepositoryProps) {
  const [repository, setRepository] = useState("");
  const [ownName, setOwnName] = useState<string | null>(null);
  const [pull, setPull] = useState(true);
  const name = ownName ?? suggestedName(repository);
  const register = useAction(async () => {
    await api.POST("/models", { body: { name, base_model: repository } });
  });
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (await register.run()) onRegistered(name, pull);
  };
  const wrong = repository === "" ? null : repositoryProblem(repository);
  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-4">
      <Field label="Repository" help="Organisation and name, as the Hub has them" error={wrong}>
        {(ids) => (
          <Input
            {...ids}
            value={repository}
            placeholder="mlx-community/SmolLM2-360M-Instruct-4bit"
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setRepository(event.target.value.trim())}
          />
        )}
      </Field>
      <NameField name={name} onChange={setOwnName} />
      <Checkbox
        label="Then pull it"
        help="First you see which files come, and whether they fit."
        checked={pull}
        onChange={(event) => setPull(event.target.checked)}
      />
      <ErrorNotice error={register.error} title="The model could not be registered" />
      <div className="flex justify-end">
        <Button
          type="submit"
          look="primary"
          busy={register.busy}
          disabled={repositoryProblem(repository) != null || nameProblem(name) != null}
        >
          {pull ? "Register and look it up" : "Register"}
        </Button>
      </div>
    </form>
  );
}

interface NameFieldProps {
  name: string;
  onChange: (name: string) => void;
}

export function NameField({ name, onChange }: NameFieldProps) {
  return (
    <Field
      label="Name"
      help="What requests name it by"
      error={name === "" ? null : nameProblem(name)}
    >
      {(ids) => (
        <Input
          {...ids}
          value={name}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
