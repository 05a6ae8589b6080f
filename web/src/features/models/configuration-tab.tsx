"use client";

import { useState } from "react";
import { useHub } from "@/api/client";
import { Card, Facts } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import { Field, Select } from "@/components/ui/field";
import { EmptyState, ErrorNotice, Skeleton, SkeletonRows } from "@/components/ui/states";
import { configurationFacts, parseRecord, readableFiles } from "./model-configuration";
import { useVersionText } from "./version-file";

export function ConfigurationTab({ id }: { id: string }) {
  const { data: version, error, mutate } = useHub("/versions/{id}", { params: { path: { id } } });
  if (error != null && !version) {
    return (
      <ErrorNotice
        error={error}
        title="The configuration did not come"
        retry={() => void mutate()}
      />
    );
  }
  if (!version) return <SkeletonRows rows={6} />;
  const names = readableFiles(version.files ?? []);
  if (names.length === 0) {
    return (
      <Card>
        <EmptyState title="No configuration yet">
          It comes with the files. A pull brings them from the Hugging Face Hub.
        </EmptyState>
      </Card>
    );
  }
  return <Configuration key={id} id={id} names={names} />;
}

function Configuration({ id, names }: { id: string; names: string[] }) {
  const [name, setName] = useState(names[0] ?? "");
  const { data: text, error, mutate } = useVersionText(id, name);
  const json = text == null || !name.endsWith(".json") ? null : parseRecord(text);
  const shown = json == null ? text : JSON.stringify(json, null, 2);
  const facts = json && name === "config.json" ? configurationFacts(json) : [];
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,2fr)_minmax(0,3fr)]">
      {facts.length > 0 && (
        <Card title="In words">
          <Facts facts={facts} />
        </Card>
      )}
      <Card
        title="As the file has it"
        className={facts.length > 0 ? "" : "lg:col-span-2"}
        actions={
          <>
            <Field label="File" hideLabel className="w-56">
              {(ids) => (
                <Select {...ids} value={name} onChange={(event) => setName(event.target.value)}>
                  {names.map((one) => (
                    <option key={one}>{one}</option>
                  ))}
                </Select>
              )}
            </Field>
            {text != null && <CopyButton text={text} what={`Copy ${name}`} />}
          </>
        }
        flush
      >
        {error != null && (
          <div className="p-4">
            <ErrorNotice error={error} title={`${name} did not come`} retry={() => void mutate()} />
          </div>
        )}
        {text == null && error == null && <Skeleton className="m-4 h-80" />}
        {shown != null && (
          // A region that scrolls must be reachable by keyboard.
          /* eslint-disable jsx-a11y/no-noninteractive-tabindex */
          <pre
            tabIndex={0}
            aria-label={name}
            className="max-h-[36rem] overflow-auto p-4 font-mono text-xs leading-5"
          >
            {shown}
          </pre>
          /* eslint-enable jsx-a11y/no-noninteractive-tabindex */
        )}
      </Card>
    </div>
  );
}
