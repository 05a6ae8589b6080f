"use client";

import { useState } from "react";
import { useAction } from "@/api/action";
import { api, type Schemas } from "@/api/client";
import { Badge, StateBadge } from "@/components/ui/badge";
import { Button, LinkButton } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { lazily } from "@/components/ui/lazily";
import { Link } from "@/components/ui/link";
import { Skeleton } from "@/components/ui/states";
import { Age } from "@/components/ui/ticking";
import { formatBytes, formatFigure, shortDigest } from "@/format";
import { engineOf, useEngines } from "@/features/models/engines";
import { chatHref, evaluateHref, modelHref } from "@/links";
import { useVersionText } from "@/features/models/version-file";
import { readAdapterConfig, targetWords } from "./adapter-config";

const PeftDialog = lazily(() => import("./peft-dialog").then((module) => module.PeftDialog));

interface AdapterRowProps {
  version: Schemas["Version"];
  engines: Schemas["Engine"][];
}

export function AdapterRow({ version, engines }: AdapterRowProps) {
  const [exporting, setExporting] = useState(false);
  const { mutate } = useEngines();
  const value = `${version.model}:${version.version}`;
  const engine = engineOf([version.id], engines);
  const load = useAction(
    async () => {
      await api.POST("/engines/{model}/load", { params: { path: { model: value } } });
      await mutate();
    },
    { done: `${value} is loaded`, failed: `${value} could not be loaded` },
  );
  const ready = version.state === "ready";
  const loss = version.metrics.eval_loss;
  return (
    <li className="grid items-center gap-x-6 gap-y-3 px-4 py-3 text-sm sm:grid-cols-2 xl:grid-cols-[minmax(0,2fr)_minmax(0,3fr)_6rem_19rem]">
      <div className="min-w-0">
        <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <Link
            href={modelHref(version.model, { version: version.version })}
            className="min-w-0 truncate font-medium hover:text-accent-strong hover:underline"
          >
            {version.model} v{version.version}
          </Link>
          {version.aliases.map((alias) => (
            <Badge key={alias} tone="accent">
              {alias}
            </Badge>
          ))}
          {!ready && <StateBadge state={version.state} />}
          {engine && <Badge tone="good">loaded</Badge>}
        </div>
        <p className="mt-0.5 flex flex-wrap items-center gap-x-2 text-xs text-ink-faint">
          <Age time={version.created_at} />
          <span>{formatBytes(version.size_bytes)}</span>
          {version.digest && (
            <span className="-my-2 flex items-center">
              <code className="font-mono" title={version.digest}>
                {shortDigest(version.digest)}
              </code>
              <CopyButton text={version.digest} what={`Copy the digest of ${value}`} />
            </span>
          )}
        </p>
      </div>
      <div className="min-w-0">
        {ready ? <Shape id={version.id} /> : <span className="text-ink-faint">–</span>}
      </div>
      <dl>
        <dt className="text-xs text-ink-faint">eval_loss</dt>
        <dd className="font-medium tabular-nums">{formatFigure(loss)}</dd>
      </dl>
      <div className="flex flex-wrap gap-1.5 xl:justify-end">
        {ready && (
          <>
            {!engine && (
              <Button
                size="small"
                busy={load.busy}
                aria-label={`Load ${value}`}
                onClick={() => void load.run()}
              >
                {load.busy ? "Loading" : "Load"}
              </Button>
            )}
            <LinkButton
              size="small"
              href={chatHref(version.base ? `${version.base.model}+${value}` : value)}
              aria-label={`Chat with ${value}`}
            >
              Chat
            </LinkButton>
            <LinkButton
              size="small"
              look="quiet"
              href={evaluateHref(value)}
              aria-label={`Evaluate ${value}`}
            >
              Evaluate
            </LinkButton>
            <Button
              size="small"
              look="quiet"
              aria-label={`Export ${value} to PEFT`}
              onClick={() => setExporting(true)}
            >
              Export
            </Button>
          </>
        )}
      </div>
      {exporting && <PeftDialog version={version} onClose={() => setExporting(false)} />}
    </li>
  );
}

/** Rank, scale and targets, out of the adapter's own file. */
function Shape({ id }: { id: string }) {
  const { data: text, error } = useVersionText(id, "adapter_config.json");
  if (error != null)
    return <span className="text-xs text-bad">Its configuration did not come</span>;
  if (text == null) return <Skeleton className="h-9 max-w-72" />;
  const config = readAdapterConfig(text);
  if (!config)
    return <span className="text-xs text-ink-faint">Its configuration is unreadable</span>;
  const figures = [
    config.rank != null && `rank ${config.rank}`,
    config.scale != null && `scale ${formatFigure(config.scale)}`,
    config.layers != null && `last ${config.layers} layers`,
    config.dropout != null && config.dropout > 0 && `dropout ${formatFigure(config.dropout)}`,
  ].filter((figure) => figure !== false);
  const targets = targetWords(config);
  return (
    <div className="flex min-w-0 items-center gap-3">
      <Badge>{config.method}</Badge>
      <div className="min-w-0">
        <p className="tabular-nums">{figures.join(" · ")}</p>
        <p className="truncate text-xs text-ink-faint" title={config.targets?.join(", ")}>
          {targets}
        </p>
      </div>
    </div>
  );
}
