"use client";

import { useState } from "react";
import { useHub, type Schemas } from "@/api/client";
import { useHubPages } from "@/api/pages";
import { Badge, type Tone } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Field, Select } from "@/components/ui/field";
import { Link } from "@/components/ui/link";
import { ScopeNotice } from "@/components/ui/scope-notice";
import { EmptyState, SkeletonRows } from "@/components/ui/states";
import { Table, Td, Th } from "@/components/ui/table";
import { formatTime } from "@/format";

type Entry = Schemas["AuditEntry"];

/** Who changed what, newest first. */
export function AuditLog() {
  const [keyId, setKeyId] = useState("");
  return (
    <Card
      title="Audit log"
      flush
      className="min-h-72"
      actions={<KeyFilter keyId={keyId} onChange={setKeyId} />}
    >
      <Entries key={keyId} keyId={keyId} />
    </Card>
  );
}

function KeyFilter({ keyId, onChange }: { keyId: string; onChange: (keyId: string) => void }) {
  const keys = useHub("/keys").data?.data ?? [];
  return (
    <Field label="By whom" hideLabel className="w-44">
      {(ids) => (
        <Select {...ids} value={keyId} onChange={(event) => onChange(event.target.value)}>
          <option value="">Everybody</option>
          {keys.map((key) => (
            <option key={key.id} value={key.id}>
              {key.name}
              {key.state === "active" ? "" : ` (${key.state})`}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}

function Entries({ keyId }: { keyId: string }) {
  const { data, error, size, setSize, isValidating, mutate } = useHubPages(
    "/audit",
    (_, before) =>
      before && !before.next_cursor
        ? null
        : {
            params: {
              query: {
                limit: 50,
                ...(keyId && { key_id: keyId }),
                ...(before?.next_cursor && { cursor: before.next_cursor }),
              },
            },
          },
    { revalidateFirstPage: false },
  );
  const entries = data?.flatMap((page) => page.data);
  const more = data?.at(-1)?.next_cursor;
  return (
    <>
      {error && (
        <div className="p-4">
          <ScopeNotice
            error={error}
            what="The audit log's pages"
            title="The audit log could not be read"
            retry={() => void mutate()}
          />
        </div>
      )}
      {!entries && !error && <SkeletonRows rows={6} className="p-4" />}
      {entries?.length === 0 && (
        <EmptyState title="No entries">
          Every call that changes something is written down here, refused ones too.
        </EmptyState>
      )}
      {entries && entries.length > 0 && <EntriesTable entries={entries} />}
      {entries && entries.length > 0 && (
        <div className="flex items-center justify-center gap-2 p-3">
          <Button size="small" look="quiet" busy={isValidating} onClick={() => void mutate()}>
            Read again
          </Button>
          {more && (
            <Button size="small" busy={isValidating} onClick={() => void setSize(size + 1)}>
              Earlier entries
            </Button>
          )}
        </div>
      )}
    </>
  );
}

function EntriesTable({ entries }: { entries: Entry[] }) {
  return (
    <Table label="Audit log, newest first">
      <thead>
        <tr>
          <Th>Time</Th>
          <Th>Who</Th>
          <Th>What</Th>
          <Th>Subject</Th>
          <Th>Answer</Th>
          <Th>Request</Th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <tr key={entry.id}>
            <Td className="whitespace-nowrap tabular-nums">{formatTime(entry.time)}</Td>
            <Td className="whitespace-nowrap">{entry.actor.name}</Td>
            <Td className="font-mono text-xs whitespace-nowrap" title={entry.path}>
              <span className="font-semibold">{entry.method}</span> {entry.route}
            </Td>
            <Td className="max-w-64 truncate font-mono text-xs" title={entry.subject ?? undefined}>
              {entry.subject ?? "–"}
            </Td>
            <Td className="whitespace-nowrap">
              <Badge tone={answerTone(entry.status)}>{answerWords(entry)}</Badge>
            </Td>
            <Td>
              <Link
                href={`/logs/?request_id=${encodeURIComponent(entry.request_id)}`}
                className="font-mono text-xs whitespace-nowrap text-accent-strong hover:underline"
              >
                {entry.request_id.slice(0, 13)}
              </Link>
            </Td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

const answerTone = (status: number): Tone =>
  status === 102 ? "neutral" : status < 400 ? "good" : status < 500 ? "warn" : "bad";

/** 102: the call has no answer yet, or the hub was killed before it. */
const answerWords = ({ status, code }: Entry): string =>
  status === 102 ? "no answer" : code ? `${status} ${code}` : String(status);
