import type { Schemas } from "@/api/client";
import { datasetHref, jobHref, modelHref } from "@/links";

export type Lineage = Schemas["Lineage"];
export type LineageNode = Lineage["nodes"][number];

/** Versions that were made from one of `ids` and are none of them: while they are there, those cannot go. */
export function dependantsOf(lineage: Lineage, ids: readonly string[]): LineageNode[] {
  const made = new Set(
    lineage.edges
      .filter(
        ({ from, relation }) =>
          (relation === "base" || relation === "parent") && ids.includes(from),
      )
      .map((edge) => edge.to)
      .filter((id) => !ids.includes(id)),
  );
  return lineage.nodes.filter((node) => made.has(node.id));
}

/** "facts v2", "data set trivia", "finetune job". */
export function nodeTitle(node: LineageNode): string {
  switch (node.type) {
    case "version":
      return `${node.model ?? "?"} v${node.version ?? "?"}`;
    case "dataset":
      return node.name ?? `data set ${node.id.slice(0, 12)}`;
    case "job":
      return node.kind ? `${node.kind} job` : "a job that was removed";
  }
}

export function nodeDetail(node: LineageNode): string {
  switch (node.type) {
    case "version":
      return [node.kind, node.state !== "ready" && node.state].filter(Boolean).join(", ");
    case "dataset":
      return node.name ? "data set" : "data set, removed";
    case "job":
      return node.state?.toLowerCase() ?? "";
  }
}

/** The page of what a node stands for; null when that is gone. */
export function nodeHref(node: LineageNode): string | null {
  switch (node.type) {
    case "version":
      return node.model == null ? null : modelHref(node.model, { version: node.version });
    case "dataset":
      return node.name == null ? null : datasetHref(node.name);
    case "job":
      return node.kind == null ? null : jobHref(node.id);
  }
}

type Relation = Lineage["edges"][number]["relation"];

/** What an edge says, read from what was made. */
export const relationWords: Record<Relation, string> = {
  base: "goes on",
  parent: "made from",
  dataset: "trained on",
  job: "made by",
};
