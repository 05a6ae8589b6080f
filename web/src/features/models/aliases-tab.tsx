"use client";

import { useState } from "react";
import type { Schemas } from "@/api/client";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import { lazily } from "@/components/ui/lazily";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { Age } from "@/components/ui/ticking";
import { Table, Td, Th } from "@/components/ui/table";
import { useAliases } from "./aliases";

const MoveAliasDialog = lazily(() =>
  import("./move-alias-dialog").then((module) => module.MoveAliasDialog),
);
const RemoveAliasDialog = lazily(() =>
  import("./remove-alias-dialog").then((module) => module.RemoveAliasDialog),
);

type Alias = Schemas["Alias"];
type Open = { kind: "move"; alias: Alias | null } | { kind: "remove"; alias: Alias };

export function AliasesTab({ model }: { model: Schemas["Model"] }) {
  const [open, setOpen] = useState<Open | null>(null);
  const { aliases, error, retry, remove } = useAliases(model);
  if (!aliases) {
    return error == null ? (
      <SkeletonRows rows={3} />
    ) : (
      <ErrorNotice error={error} title="The aliases did not come" retry={retry} />
    );
  }
  return (
    <>
      <Card
        title="Names for versions"
        actions={
          <Button size="small" onClick={() => setOpen({ kind: "move", alias: null })}>
            Set an alias
          </Button>
        }
        flush
      >
        {aliases.length === 0 ? (
          <EmptyState title="No aliases">
            An alias names a version and can be moved to another one. While there is one called
            “production”, the bare name {model.name} means its version.
          </EmptyState>
        ) : (
          <AliasTable model={model} aliases={aliases} onOpen={setOpen} />
        )}
      </Card>
      {open?.kind === "move" && (
        <MoveAliasDialog model={model} alias={open.alias} onClose={() => setOpen(null)} />
      )}
      {open?.kind === "remove" && (
        <RemoveAliasDialog
          model={model}
          alias={open.alias}
          onRemove={remove}
          onClose={() => setOpen(null)}
        />
      )}
    </>
  );
}

interface AliasTableProps {
  model: Schemas["Model"];
  aliases: Alias[];
  onOpen: (open: Open) => void;
}

function AliasTable({ model, aliases, onOpen }: AliasTableProps) {
  return (
    <Table label="Aliases">
      <thead>
        <tr>
          <Th>Alias</Th>
          <Th>Version</Th>
          <Th>Requests name it</Th>
          <Th numeric>Set</Th>
          <Th>
            <span className="sr-only">Change</span>
          </Th>
        </tr>
      </thead>
      <tbody>
        {aliases.map((alias) => {
          const value = `${model.name}@${alias.alias}`;
          return (
            <tr key={alias.alias} className="hover:bg-sunken/50">
              <Td>
                <Badge tone="accent">{alias.alias}</Badge>
              </Td>
              <Td className="font-medium">v{alias.version}</Td>
              <Td className="py-1">
                <span className="flex items-center gap-1 whitespace-nowrap">
                  <code className="font-mono text-xs">{value}</code>
                  <CopyButton text={value} what={`Copy ${value}`} />
                </span>
              </Td>
              <Td numeric>
                <Age time={alias.updated_at} />
              </Td>
              <Td className="py-1">
                <span className="flex justify-end gap-1">
                  <Button
                    size="small"
                    aria-label={`Move ${alias.alias}`}
                    onClick={() => onOpen({ kind: "move", alias })}
                  >
                    Move
                  </Button>
                  <Button
                    size="small"
                    look="quiet"
                    aria-label={`Remove ${alias.alias}`}
                    onClick={() => onOpen({ kind: "remove", alias })}
                  >
                    Remove
                  </Button>
                </span>
              </Td>
            </tr>
          );
        })}
      </tbody>
    </Table>
  );
}
