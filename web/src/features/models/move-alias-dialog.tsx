"use client";

import { useState, type SubmitEvent } from "react";
import { useAction } from "@/api/action";
import { useHub, type Schemas } from "@/api/client";
import { ApiError } from "@/api/errors";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Checkbox, Field, Input, Select } from "@/components/ui/field";
import { ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { useAliases, type AliasMove } from "./aliases";
import { gateOutcome, metricNames } from "./alias-gate";
import { GateComparison } from "./gate-comparison";
import { nameProblem } from "./model-name";

type Alias = Schemas["Alias"];
type Version = Schemas["Version"];

interface MoveAliasDialogProps {
  model: Schemas["Model"];
  /** The one that is moved; null: one that is yet to be named. */
  alias: Alias | null;
  /** The number of the version that is meant, where it is known. */
  to?: number;
  onClose: () => void;
}

export function MoveAliasDialog({ model, alias, to, onClose }: MoveAliasDialogProps) {
  const versions = useHub("/models/{id}/versions", {
    params: { path: { id: model.id }, query: { limit: 200, state: "ready" } },
  });
  const { aliases, error, move } = useAliases(model);
  const failure: unknown = versions.error ?? error;
  return (
    <Dialog
      title={alias ? `Move ${alias.alias} of ${model.name}` : `Set an alias of ${model.name}`}
      open
      onClose={onClose}
    >
      {versions.data && aliases ? (
        <MoveForm
          versions={versions.data.data}
          aliases={aliases}
          alias={alias}
          to={to}
          onMove={move}
          onClose={onClose}
        />
      ) : failure == null ? (
        <SkeletonRows rows={4} />
      ) : (
        <ErrorNotice error={failure} title="The versions did not come" />
      )}
    </Dialog>
  );
}

interface MoveFormProps extends Omit<MoveAliasDialogProps, "model"> {
  versions: Version[];
  aliases: Alias[];
  onMove: (move: AliasMove) => Promise<void>;
}

function MoveForm({ versions, aliases, alias, to, onMove, onClose }: MoveFormProps) {
  const metrics = metricNames(versions);
  const [name, setName] = useState(alias?.alias ?? "production");
  const [number, setNumber] = useState(
    to ?? versions.find((version) => version.version !== alias?.version)?.version ?? 0,
  );
  const canGate = metrics.length > 0 && aliases.length > 0;
  const [gated, setGated] = useState(canGate);
  const [metric, setMetric] = useState(metrics[0] ?? "");
  const [chosenRival, setRival] = useState<string | null>(null);
  // Usually the question is whether it gets better than what the alias names now.
  const rival =
    chosenRival ?? aliases.find((one) => one.alias === name)?.alias ?? aliases[0]?.alias ?? "";
  const version = versions.find((one) => one.version === number);
  const holderAlias = aliases.find((one) => one.alias === rival);
  const holder = versions.find((one) => one.id === holderAlias?.version_id) ?? null;
  const move = useAction(
    async (chosen: Version) => {
      await onMove({
        alias: name,
        version: chosen,
        require: gated && canGate ? { metric, not_worse_than: rival } : null,
      });
    },
    { done: `${name} names version ${number}` },
  );
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (version && (await move.run(version))) onClose();
  };
  const refused = move.error instanceof ApiError && (move.error.code ?? "").startsWith("gate_");
  if (versions.length === 0) {
    return <p className="text-sm text-ink-soft">Only a ready version can have an alias.</p>;
  }
  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-4">
      {alias == null && (
        <Field
          label="Alias"
          help="While there is one called “production”, the bare name means its version"
          error={name === "" ? null : nameProblem(name)}
        >
          {(ids) => (
            <Input
              {...ids}
              value={name}
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setName(event.target.value.trim())}
            />
          )}
        </Field>
      )}
      <Field label={alias ? `From version ${alias.version} to` : "Version"}>
        {(ids) => (
          <Select
            {...ids}
            value={number}
            onChange={(event) => {
              move.reset();
              setNumber(Number(event.target.value));
            }}
          >
            {number === 0 && <option value={0}>Choose a version</option>}
            {versions.map((one) => (
              <option key={one.id} value={one.version}>
                {[`Version ${one.version}`, one.kind, ...one.aliases].join(" · ")}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Checkbox
        label="Only if it is not worse"
        help={
          canGate
            ? "The hub compares a figure of both versions before it moves the alias."
            : "Needs an alias to compare with, and versions that have figures."
        }
        checked={gated && canGate}
        disabled={!canGate}
        onChange={(event) => {
          move.reset();
          setGated(event.target.checked);
        }}
      />
      {gated && canGate && (
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label="Figure">
            {(ids) => (
              <Select
                {...ids}
                value={metric}
                onChange={(event) => {
                  move.reset();
                  setMetric(event.target.value);
                }}
              >
                {metrics.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </Select>
            )}
          </Field>
          <Field label="Not worse than">
            {(ids) => (
              <Select
                {...ids}
                value={rival}
                onChange={(event) => {
                  move.reset();
                  setRival(event.target.value);
                }}
              >
                {aliases.map((one) => (
                  <option key={one.alias} value={one.alias}>
                    {one.alias} (v{one.version})
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </div>
      )}
      {gated && canGate && version && (
        <GateComparison
          metric={metric}
          candidate={version.version}
          rival={{ alias: rival, version: holderAlias?.version ?? null }}
          outcome={gateOutcome(metric, version, holder)}
          refusal={refused ? move.error : null}
        />
      )}
      {!refused && <ErrorNotice error={move.error} title="The alias was not set" />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button
          type="submit"
          look="primary"
          busy={move.busy}
          disabled={!version || nameProblem(name) != null}
        >
          {alias ? "Move it" : "Set it"}
        </Button>
      </div>
    </form>
  );
}
