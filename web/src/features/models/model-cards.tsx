"use client";

import type { Schemas } from "@/api/client";
import { Badge, StateBadge } from "@/components/ui/badge";
import { LinkButton } from "@/components/ui/button";
import { Link } from "@/components/ui/link";
import { Age } from "@/components/ui/ticking";
import { formatBytes, formatNumber, plural } from "@/format";
import { quantizationWords } from "./current-version";
import { engineOf } from "./engines";
import { MemoryFitBar, type Circumstances } from "./memory-fit-bar";
import { chatHref, modelHref, trainHref } from "@/links";
import { TagList } from "./tag-list";

interface ModelCardsProps extends Circumstances {
  models: Schemas["Model"][];
}

export function ModelCards({ models, ...circumstances }: ModelCardsProps) {
  return (
    <ul className="grid gap-4 sm:grid-cols-2 xl:grid-cols-3">
      {models.map((model) => (
        <li key={model.id} className="min-w-0">
          <ModelCard model={model} {...circumstances} />
        </li>
      ))}
    </ul>
  );
}

function ModelCard({ model, ...circumstances }: { model: Schemas["Model"] } & Circumstances) {
  const engine = engineOf(
    model.versions.map((version) => version.id),
    circumstances.engines,
  );
  const facts = [
    model.architecture,
    quantizationWords(model.quantization),
    model.context_length != null && `${formatNumber(model.context_length)} tokens of context`,
  ].filter((fact) => fact != null && fact !== false);
  return (
    <article className="flex h-full flex-col rounded-xl border border-line bg-surface p-4">
      <header className="flex items-start justify-between gap-2">
        <div className="min-w-0">
          <h2 className="truncate font-semibold">
            <Link href={modelHref(model.name)} className="hover:text-accent-strong hover:underline">
              {model.name}
            </Link>
          </h2>
          <p className="truncate text-xs text-ink-faint" title={model.base_model}>
            {model.base_model}
          </p>
        </div>
        <div className="flex shrink-0 gap-1">
          {model.kind && <Badge>{model.kind}</Badge>}
          <StateBadge state={model.state} />
        </div>
      </header>
      {model.description && (
        <p className="mt-2 line-clamp-2 text-sm text-ink-soft">{model.description}</p>
      )}
      <TagList tags={model.tags} most={5} className="mt-2" />
      <p className="mt-3 text-xs text-ink-soft">{facts.join(" · ")}</p>
      <div className="mt-auto pt-3">
        <MemoryFitBar required={model.memory_required_bytes} engine={engine} {...circumstances} />
      </div>
      <footer className="mt-3 flex items-center gap-2 border-t border-line pt-3">
        <span className="min-w-0 flex-1 truncate text-xs text-ink-faint">
          {model.state === "pending" ? "not pulled" : formatBytes(model.size_bytes)} ·{" "}
          {plural(model.versions.length, "version")} · <Age time={model.updated_at} />
        </span>
        {model.state === "ready" && (
          <>
            <LinkButton size="small" look="quiet" href={trainHref(model.name)}>
              Fine-tune
            </LinkButton>
            <LinkButton size="small" href={chatHref(model.name)}>
              Chat
            </LinkButton>
          </>
        )}
      </footer>
    </article>
  );
}
