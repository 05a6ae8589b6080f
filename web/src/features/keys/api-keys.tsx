"use client";

import { Plus } from "lucide-react";
import { useState } from "react";
import { useHub, type Schemas } from "@/api/client";
import { Badge, type Tone } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { lazily, useHasBeen, useLoadedLater } from "@/components/ui/lazily";
import { ScopeNotice } from "@/components/ui/scope-notice";
import { EmptyState, SkeletonRows } from "@/components/ui/states";
import { Table, Td, Th } from "@/components/ui/table";
import { formatAge, formatNumber, formatTime } from "@/format";
import type { KeyDialog } from "./key-dialogs";
import { isThisKey } from "./key-words";
import { limitWords } from "./limits";
import { useStoredKey } from "./use-stored-key";

type Key = Schemas["Key"];

const loadDialogs = () => import("./key-dialogs");
const KeyDialogs = lazily(() => loadDialogs().then((module) => module.KeyDialogs));

/** Keys with what they open, how much they may use and what they used. */
export function ApiKeys() {
  const { data, error, mutate } = useHub("/keys");
  const [open, setOpen] = useState<KeyDialog | null>(null);
  const hasOpened = useHasBeen(open !== null);
  useLoadedLater(loadDialogs);
  const make = (): void => setOpen({ is: "new" });
  const keys = data?.data;
  return (
    <Card
      title="API keys"
      flush
      className="min-h-72"
      actions={
        <Button look="primary" size="small" disabled={!keys} onClick={make}>
          <Plus size={15} aria-hidden />
          New key
        </Button>
      }
    >
      {error && !keys && (
        <div className="p-4">
          <ScopeNotice
            error={error}
            what="API keys"
            title="The keys could not be listed"
            retry={() => void mutate()}
          />
        </div>
      )}
      {!keys && !error && <SkeletonRows rows={3} className="p-4" />}
      {keys?.length === 0 && (
        <EmptyState
          title="No keys"
          action={
            <Button look="primary" onClick={make}>
              Make a key
            </Button>
          }
        >
          On this machine the hub answers without one, unless Require keys is on. Programs on other
          machines always need one.
        </EmptyState>
      )}
      {keys && keys.length > 0 && (
        <KeysTable
          keys={keys}
          onRevoke={(key) => setOpen({ is: "revoke", key })}
          onLimit={(key) => setOpen({ is: "limits", key })}
        />
      )}
      {hasOpened && <KeyDialogs open={open} onClose={() => setOpen(null)} />}
    </Card>
  );
}

const stateTones: Record<Key["state"], Tone> = {
  active: "good",
  expired: "warn",
  revoked: "neutral",
};

interface KeysTableProps {
  keys: Key[];
  onRevoke: (key: Key) => void;
  onLimit: (key: Key) => void;
}

function KeysTable({ keys, onRevoke, onLimit }: KeysTableProps) {
  const stored = useStoredKey();
  return (
    <Table label="API keys">
      <thead>
        <tr>
          <Th>Name</Th>
          <Th>Begins with</Th>
          <Th>Scopes</Th>
          <Th>State</Th>
          <Th>Made</Th>
          <Th>Expires</Th>
          <Th>Last used</Th>
          <Th>Limits</Th>
          <Th numeric>Requests</Th>
          <Th numeric>Refused</Th>
          <Th numeric>Tokens in</Th>
          <Th numeric>Tokens out</Th>
          <Th>
            <span className="sr-only">Actions</span>
          </Th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key) => (
          <tr key={key.id} className={key.state === "active" ? undefined : "text-ink-faint"}>
            <Td className="whitespace-nowrap">
              <span className="font-medium">{key.name}</span>{" "}
              {isThisKey(key.prefix, stored) && <Badge tone="accent">this browser</Badge>}
            </Td>
            <Td className="font-mono text-xs whitespace-nowrap">{key.prefix}…</Td>
            <Td>
              <span className="flex gap-1">
                {key.scopes.map((scope) => (
                  <Badge key={scope} tone={scope === "admin" ? "warn" : "neutral"}>
                    {scope}
                  </Badge>
                ))}
              </span>
            </Td>
            <Td>
              <Badge tone={stateTones[key.state]}>{key.state}</Badge>
            </Td>
            <Td className="whitespace-nowrap tabular-nums">{formatTime(key.created_at)}</Td>
            <Td className="whitespace-nowrap tabular-nums">
              {key.expires_at ? formatTime(key.expires_at) : "never"}
            </Td>
            <Td className="whitespace-nowrap">
              {key.last_used_at ? formatAge(key.last_used_at) : "never"}
            </Td>
            <Td className="whitespace-nowrap">{limitWords(key.limits)}</Td>
            <Td numeric>{formatNumber(key.usage.requests)}</Td>
            <Td numeric>{formatNumber(key.usage.refused_requests)}</Td>
            <Td numeric>{formatNumber(key.usage.prompt_tokens)}</Td>
            <Td numeric>{formatNumber(key.usage.completion_tokens)}</Td>
            <Td numeric>
              {key.state === "active" && (
                <span className="flex justify-end gap-2">
                  <Button
                    size="small"
                    aria-label={`Limits of ${key.name}`}
                    onClick={() => onLimit(key)}
                  >
                    Limits
                  </Button>
                  <Button
                    look="danger"
                    size="small"
                    aria-label={`Revoke ${key.name}`}
                    onClick={() => onRevoke(key)}
                  >
                    Revoke
                  </Button>
                </span>
              )}
            </Td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
