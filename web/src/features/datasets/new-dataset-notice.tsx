"use client";

import { CircleCheck, X } from "lucide-react";
import type { Schemas } from "@/api/client";
import { IconButton, LinkButton } from "@/components/ui/button";
import { formatNumber, plural } from "@/format";
import { datasetHref, trainOnHref } from "@/links";

interface NewDatasetNoticeProps {
  dataset: Schemas["Dataset"];
  onClose: () => void;
}

/** What was registered, in a line, and where to go from there. */
export function NewDatasetNotice({ dataset, onClose }: NewDatasetNoticeProps) {
  const { name, rows, format, report } = dataset;
  const facts = [
    `${plural(rows, "row")} to train on`,
    `format ${format}`,
    ...(report?.tokens ? [`${formatNumber(report.tokens.total)} tokens`] : []),
    ...(report && report.problem_count > 0 ? [plural(report.problem_count, "problem")] : []),
  ];
  return (
    <section
      aria-label={`Data set ${name}`}
      className="flex flex-wrap items-center gap-3 rounded-xl border border-line bg-surface p-4 text-sm"
    >
      <CircleCheck size={18} aria-hidden className="shrink-0 text-good" />
      <p role="status" className="min-w-0 flex-1 basis-60">
        <span className="font-medium break-all">{name}</span>{" "}
        <span className="text-ink-soft">is registered: {facts.join(", ")}</span>
      </p>
      <LinkButton size="small" href={datasetHref(name)}>
        Report and rows
      </LinkButton>
      <LinkButton size="small" look="primary" href={trainOnHref(name)}>
        Train on it
      </LinkButton>
      <IconButton label="Close" onClick={onClose}>
        <X size={16} aria-hidden />
      </IconButton>
    </section>
  );
}
