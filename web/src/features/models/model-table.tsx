"use client";

import type { Schemas } from "@/api/client";
import { Badge, StateBadge } from "@/components/ui/badge";
import { Link } from "@/components/ui/link";
import { SortTh, Table, Td, Th } from "@/components/ui/table";
import { Age } from "@/components/ui/ticking";
import { formatBytes, plural } from "@/format";
import { quantizationWords } from "./current-version";
import { engineOf } from "./engines";
import { MemoryFitBar, type Circumstances } from "./memory-fit-bar";
import type { ModelSort } from "./model-filters";
import { modelHref } from "@/links";
import { TagList } from "./tag-list";

interface ModelTableProps extends Circumstances {
  models: Schemas["Model"][];
  sort: ModelSort;
  onSort: (sort: ModelSort) => void;
}

export function ModelTable({ models, sort, onSort, ...circumstances }: ModelTableProps) {
  return (
    <Table label="Models">
      <thead>
        <tr>
          <SortTh name="name" sort={sort} onSort={onSort}>
            Name
          </SortTh>
          <Th>Kind</Th>
          <Th>State</Th>
          <Th>Architecture</Th>
          <SortTh name="size" sort={sort} onSort={onSort} numeric>
            Size
          </SortTh>
          <Th>Memory to serve</Th>
          <Th numeric>Versions</Th>
          <SortTh name="updated" sort={sort} onSort={onSort} numeric>
            Changed
          </SortTh>
        </tr>
      </thead>
      <tbody>
        {models.map((model) => (
          <ModelRow key={model.id} model={model} {...circumstances} />
        ))}
      </tbody>
    </Table>
  );
}

function ModelRow({ model, ...circumstances }: { model: Schemas["Model"] } & Circumstances) {
  const engine = engineOf(
    model.versions.map((version) => version.id),
    circumstances.engines,
  );
  return (
    <tr className="hover:bg-sunken/50">
      <Td className="max-w-72">
        <Link
          href={modelHref(model.name)}
          className="block truncate font-medium hover:text-accent-strong hover:underline"
        >
          {model.name}
        </Link>
        {model.base_model !== model.name && (
          <span className="block truncate text-xs text-ink-faint" title={model.base_model}>
            {model.base_model}
          </span>
        )}
        <TagList tags={model.tags} most={3} className="mt-1" />
      </Td>
      <Td>{model.kind && <Badge>{model.kind}</Badge>}</Td>
      <Td>
        <StateBadge state={model.state} />
      </Td>
      <Td className="whitespace-nowrap">
        {model.architecture ?? "–"}
        <span className="block text-xs text-ink-faint">
          {quantizationWords(model.quantization) ?? (model.architecture ? "not quantized" : "")}
        </span>
      </Td>
      <Td numeric>{model.state === "pending" ? "–" : formatBytes(model.size_bytes)}</Td>
      <Td>
        {/* However long the words: the columns behind stay in sight. */}
        <div className="w-56">
          <MemoryFitBar required={model.memory_required_bytes} engine={engine} {...circumstances} />
        </div>
      </Td>
      <Td numeric title={plural(model.versions.length, "version")}>
        {model.versions.length}
      </Td>
      <Td numeric>
        <Age time={model.updated_at} />
      </Td>
    </tr>
  );
}
