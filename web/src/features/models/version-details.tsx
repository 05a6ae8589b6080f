"use client";

import type { ReactNode } from "react";
import { useHub, type Schemas } from "@/api/client";
import { LinkButton } from "@/components/ui/button";
import { Card, Facts } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import { Link } from "@/components/ui/link";
import { ErrorNotice, Skeleton } from "@/components/ui/states";
import { formatFigure, formatTime, shortId } from "@/format";
import { chatHref, datasetHref, jobHref, modelHref } from "@/links";
import { sourceFacts } from "./version-source";
import { VersionActions } from "./version-actions";

interface VersionDetailsProps {
  model: Schemas["Model"];
  id: string;
}

export function VersionDetails({ model, id }: VersionDetailsProps) {
  const { data: version, error, mutate } = useHub("/versions/{id}", { params: { path: { id } } });
  if (error != null && !version) {
    return (
      <ErrorNotice error={error} title="The version did not come" retry={() => void mutate()} />
    );
  }
  if (!version) return <Skeleton className="h-72 rounded-xl" />;
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
      <Card
        title={`Version ${version.version}`}
        actions={
          version.state === "ready" && (
            <LinkButton size="small" href={chatHref(`${version.model}:${version.version}`)}>
              Chat with it
            </LinkButton>
          )
        }
      >
        {version.reason && (
          <p className="mb-4 rounded-lg bg-bad-soft px-3 py-2 text-sm text-bad">{version.reason}</p>
        )}
        <Facts facts={factsOf(version)} />
        <VersionActions model={model} version={version} />
      </Card>
      <Card title="Figures" flush>
        <Metrics metrics={version.metrics} />
      </Card>
    </div>
  );
}

function factsOf(version: Schemas["Version"]): [string, ReactNode][] {
  const { lineage, base } = version;
  const facts: [string, ReactNode][] = [["Made", formatTime(version.created_at)]];
  if (version.state !== "pending") {
    facts.push([
      "Checked",
      version.verified_at
        ? `every byte, ${formatTime(version.verified_at)}`
        : "not since it was taken in",
    ]);
  }
  if (base) facts.push(["Base", <VersionLink key="base" version={base} />]);
  if (lineage.parent && lineage.parent.id !== base?.id) {
    facts.push(["Made of", <VersionLink key="parent" version={lineage.parent} />]);
  }
  if (lineage.job_id) {
    facts.push([
      "By the job",
      <TextLink key="job" href={jobHref(lineage.job_id)}>
        {shortId(lineage.job_id)}
      </TextLink>,
    ]);
  }
  if (lineage.dataset_digest) {
    facts.push([
      "Trained on",
      lineage.dataset_id ? (
        <TextLink key="dataset" href={datasetHref(lineage.dataset_id)}>
          data set {lineage.dataset_digest.slice(0, 12)}
        </TextLink>
      ) : (
        `data set ${lineage.dataset_digest.slice(0, 12)}, which was removed`
      ),
    ]);
  }
  facts.push(...sourceFacts(version.source ?? null));
  if (version.digest) {
    facts.push(["Digest", <Copyable key="digest" text={version.digest} what="Copy the digest" />]);
  }
  if (version.folder) {
    facts.push([
      version.by_reference ? "Lies outside" : "Folder",
      <Copyable key="folder" text={version.folder} what="Copy the folder" />,
    ]);
  }
  return facts;
}

function VersionLink({ version }: { version: { model: string; version: number } }) {
  return (
    <TextLink href={modelHref(version.model, { version: version.version })}>
      {version.model} v{version.version}
    </TextLink>
  );
}

function TextLink({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Link href={href} className="text-accent-strong underline underline-offset-2">
      {children}
    </Link>
  );
}

function Copyable({ text, what }: { text: string; what: string }) {
  return (
    <span className="flex items-start gap-1">
      <code className="min-w-0 font-mono text-xs leading-5 break-all">{text}</code>
      <span className="-my-1.5 shrink-0">
        <CopyButton text={text} what={what} />
      </span>
    </span>
  );
}

function Metrics({ metrics }: { metrics: Record<string, number> }) {
  const entries = Object.entries(metrics);
  if (entries.length === 0) {
    return (
      <p className="p-4 text-sm text-ink-soft">
        None yet. An evaluation or the end of a training gives a version its figures.
      </p>
    );
  }
  return (
    <dl className="divide-y divide-line">
      {entries.map(([name, value]) => (
        <div key={name} className="flex justify-between gap-4 px-4 py-2 text-sm">
          <dt className="text-ink-soft">{name}</dt>
          <dd className="font-medium tabular-nums">{formatFigure(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
