"use client";

import type { Schemas } from "@/api/client";
import { Card, Stat } from "@/components/ui/card";
import { Link } from "@/components/ui/link";
import { formatBytes, formatNumber, plural } from "@/format";
import { quantizationWords } from "./current-version";
import { engineOf, useEngines, useSystemMemory } from "./engines";
import { MemoryFitBar } from "./memory-fit-bar";
import { modelHref } from "@/links";

/** The figures of the version that the bare name means. */
export function ModelSummary({ model }: { model: Schemas["Model"] }) {
  const { data } = useEngines();
  const memory = useSystemMemory();
  const engines = data?.data ?? [];
  const engine = engineOf(
    model.versions.map((version) => version.id),
    engines,
  );
  const quantization = model.quantization;
  return (
    <Card className="mb-6">
      <dl className="grid grid-cols-2 gap-x-6 gap-y-4 sm:grid-cols-3 lg:grid-cols-[repeat(4,minmax(0,1fr))_minmax(14rem,1.5fr)]">
        <Stat
          label="Size on disk"
          value={model.state === "pending" ? "–" : formatBytes(model.size_bytes)}
          note={
            model.state === "pending" ? "not pulled yet" : plural(model.versions.length, "version")
          }
        />
        <Stat
          label="Architecture"
          value={model.architecture ?? "–"}
          note={
            model.chat_template == null
              ? null
              : model.capabilities?.completions === false
                ? "text encoder: embeddings"
                : model.chat_template
                  ? "chat template"
                  : "no chat template"
          }
        />
        <Stat
          label="Weights"
          value={quantizationWords(quantization) ?? (model.architecture ? "not quantized" : "–")}
          note={quantization?.group_size == null ? null : `groups of ${quantization.group_size}`}
        />
        <Stat
          label="Context"
          value={formatNumber(model.context_length)}
          note={model.context_length == null ? null : "tokens"}
        />
        <div className="col-span-2 min-w-0 sm:col-span-1">
          <dt className="mb-1.5 text-xs text-ink-faint">Memory to serve it</dt>
          <dd>
            <MemoryFitBar
              required={model.memory_required_bytes}
              engine={engine}
              engines={engines}
              memory={memory}
            />
            {engine && engine.model !== model.name && (
              <span className="mt-1 block text-xs text-ink-faint">
                in the engine of{" "}
                <Link href={modelHref(engine.model)} className="underline">
                  {engine.model}
                </Link>
              </span>
            )}
          </dd>
        </div>
      </dl>
    </Card>
  );
}
