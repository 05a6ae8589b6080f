"use client";

import {
  Archive,
  Download,
  FolderUp,
  GitMerge,
  Pencil,
  Shrink,
  Trash2,
  Upload,
} from "lucide-react";
import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";
import type { Schemas } from "@/api/client";
import { Badge, StateBadge } from "@/components/ui/badge";
import { Button, LinkButton } from "@/components/ui/button";
import { lazily } from "@/components/ui/lazily";
import { Link } from "@/components/ui/link";
import { Menu, type MenuItem } from "@/components/ui/menu";
import { PageHeader } from "@/components/ui/page-header";
import { nameProblem, repositoryProblem } from "./model-name";
import { EngineControls } from "./engine-controls";
import { engineOf, useEngines } from "./engines";
import { chatHref, evaluateHref, modelHref, trainHref } from "@/links";
import type { ModelDialog } from "./model-dialogs";
import { TagList } from "./tag-list";
import { hasEnded } from "./transfer";
import { useTransfers } from "./use-transfers";

const ModelDialogs = lazily(() => import("./model-dialogs").then((module) => module.ModelDialogs));
const TransfersCard = lazily(() =>
  import("./transfers-card").then((module) => module.TransfersCard),
);

interface ModelHeaderProps {
  model: Schemas["Model"];
  /** Shows the model as `next` while `save` runs; takes it back when that fails. */
  onChange: (next: Schemas["Model"], save: () => Promise<unknown>) => Promise<unknown>;
}

export function ModelHeader({ model, onChange }: ModelHeaderProps) {
  const [open, setOpen] = useState<ModelDialog | null>(null);
  const router = useRouter();
  const { data: engines } = useEngines();
  const ready = model.state === "ready";
  useEffect(() => {
    document.title = `${model.name} · MLX Model Hub`;
  }, [model.name]);
  const transfers = useTransfers(model.name);
  const pulling = transfers.some((job) => job.type === "pull" && !hasEnded(job));
  const isAdapter = model.kind === "adapter";
  const fromHub = repositoryProblem(model.base_model) == null;
  const engine = engineOf(
    model.versions.map((version) => version.id),
    engines?.data ?? [],
  );
  const notReady = ready ? undefined : "Its files are not here yet";
  const items: MenuItem[] = [
    {
      label: "Edit description and tags",
      icon: <Pencil size={15} aria-hidden />,
      onSelect: () => setOpen("edit"),
    },
    ...(fromHub
      ? [
          {
            label: ready ? "Pull a newer revision" : "Pull from the Hub",
            icon: <Download size={15} aria-hidden />,
            onSelect: () => setOpen("pull"),
            unavailable: pulling ? "A pull is under way" : undefined,
          },
        ]
      : []),
    isAdapter
      ? {
          label: "Merge into its base",
          icon: <GitMerge size={15} aria-hidden />,
          onSelect: () => setOpen("merge"),
          unavailable: notReady,
        }
      : {
          label: "Quantize",
          icon: <Shrink size={15} aria-hidden />,
          onSelect: () => setOpen("quantize"),
          unavailable: notReady,
        },
    {
      label: "Add a version from a folder",
      icon: <FolderUp size={15} aria-hidden />,
      onSelect: () => setOpen("version"),
    },
    {
      label: "Push to the Hub",
      icon: <Upload size={15} aria-hidden />,
      onSelect: () => setOpen("push"),
      unavailable: notReady,
    },
    {
      label: "Download as an archive",
      icon: <Archive size={15} aria-hidden />,
      onSelect: () => setOpen("archive"),
      unavailable: notReady,
    },
    {
      label: "Delete",
      icon: <Trash2 size={15} aria-hidden />,
      onSelect: () => setOpen("delete"),
      danger: true,
    },
  ];
  return (
    <>
      <PageHeader
        title={model.name}
        lead={model.description === "" ? undefined : model.description}
        actions={
          <>
            {ready && (
              <>
                <LinkButton look="primary" href={chatHref(model.name)}>
                  Chat
                </LinkButton>
                <LinkButton href={trainHref(model.name)}>Fine-tune</LinkButton>
                <LinkButton href={evaluateHref(model.name)}>Evaluate</LinkButton>
                <EngineControls value={model.name} engine={engine} />
              </>
            )}
            {model.state === "pending" && fromHub && !pulling && (
              <Button look="primary" onClick={() => setOpen("pull")}>
                <Download size={15} aria-hidden />
                Pull
              </Button>
            )}
            <Menu label="More" items={items} />
          </>
        }
      />
      <div className="-mt-3 mb-5 flex flex-wrap items-center gap-x-3 gap-y-1.5 text-sm text-ink-soft">
        {model.kind && <Badge>{model.kind}</Badge>}
        <StateBadge state={model.state} />
        <Origin model={model} />
        <TagList tags={model.tags} />
      </div>
      {transfers.length > 0 && (
        <TransfersCard model={model} jobs={transfers} onPull={() => setOpen("pull")} />
      )}
      {open && (
        <ModelDialogs
          dialog={open}
          model={model}
          onChange={onChange}
          onClose={() => setOpen(null)}
          onDeleted={() => router.replace("/models/")}
        />
      )}
    </>
  );
}

/** Where the model comes from: a repository, a path, or another model here. */
function Origin({ model }: { model: Schemas["Model"] }) {
  const [name = ""] = model.base_model.split(/[:@+]/);
  if (model.kind === "base" || nameProblem(name) != null || name === model.name) {
    return <span className="min-w-0 break-all">{model.base_model}</span>;
  }
  return (
    <span>
      of{" "}
      <Link href={modelHref(name)} className="text-accent-strong underline underline-offset-2">
        {model.base_model}
      </Link>
    </span>
  );
}
