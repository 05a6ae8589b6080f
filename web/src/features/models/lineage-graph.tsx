"use client";

import clsx from "clsx";
import { useId, type ReactNode } from "react";
import { Link } from "@/components/ui/link";
import { nodeDetail, nodeHref, nodeTitle, type Lineage, type LineageNode } from "./lineage";
import { layOut, type Place } from "./lineage-layout";

const size = { nodeWidth: 190, nodeHeight: 52, columnGap: 64, rowGap: 16 };
const margin = 16;
/** What a node's width holds of its title, about; the rest is in the tooltip and the list. */
const longestTitle = 24;

interface LineageGraphProps {
  lineage: Lineage;
  /** Whose versions are marked. */
  model: string;
}

export function LineageGraph({ lineage, model }: LineageGraphProps) {
  const arrow = useId();
  const { places, paths, width, height } = layOut(lineage, size);
  // In reading order, so that Tab goes through the columns from left to right.
  const inOrder = lineage.nodes
    .flatMap((node) => {
      const place = places.get(node.id);
      return place ? [{ node, place }] : [];
    })
    .sort((a, b) => a.place.x - b.place.x || a.place.y - b.place.y);
  return (
    // A region that scrolls must be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="overflow-auto" tabIndex={0} role="region" aria-label="Lineage graph">
      <svg
        width={width + 2 * margin}
        height={height + 2 * margin}
        viewBox={`${-margin} ${-margin} ${width + 2 * margin} ${height + 2 * margin}`}
        role="group"
        aria-label={`Lineage of ${model}`}
        className="mx-auto block"
      >
        <defs>
          <marker
            id={arrow}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto"
          >
            <path d="M0 0 8 4 0 8Z" className="fill-line-strong" />
          </marker>
        </defs>
        <g aria-hidden fill="none" className="stroke-line-strong" strokeWidth="1.25">
          {lineage.edges.map((edge, index) => (
            <path
              key={`${edge.from} ${edge.to} ${edge.relation}`}
              d={paths[index]}
              markerEnd={`url(#${arrow})`}
              strokeDasharray={
                edge.relation === "job" || edge.relation === "dataset" ? "4 4" : undefined
              }
            />
          ))}
        </g>
        {inOrder.map(({ node, place }) => (
          <NodeLink key={node.id} node={node}>
            <NodeBox node={node} place={place} own={node.model === model} />
          </NodeLink>
        ))}
      </svg>
    </div>
  );
}

function NodeLink({ node, children }: { node: LineageNode; children: ReactNode }) {
  const href = nodeHref(node);
  if (href == null) return <g>{children}</g>;
  return (
    <Link href={href} className="group outline-none">
      {children}
    </Link>
  );
}

function NodeBox({ node, place, own }: { node: LineageNode; place: Place; own: boolean }) {
  const title = nodeTitle(node);
  return (
    <g transform={`translate(${place.x} ${place.y})`}>
      {title.length > longestTitle && <title>{title}</title>}
      <rect
        width={size.nodeWidth}
        height={size.nodeHeight}
        // Versions are boxes, what they were made with is round.
        rx={node.type === "version" ? 8 : size.nodeHeight / 2}
        strokeWidth={own ? 2 : 1}
        className={clsx(
          "group-hover:stroke-accent group-focus-visible:stroke-accent group-focus-visible:[stroke-width:3]",
          own ? "fill-accent-soft stroke-accent" : "fill-raised stroke-line-strong",
        )}
      />
      <text x="16" y="22" className="fill-ink text-[13px] font-medium">
        {title.length > longestTitle ? `${title.slice(0, longestTitle - 1)}…` : title}
      </text>
      <text x="16" y="39" className="fill-ink-soft text-[11px]">
        {nodeDetail(node)}
      </text>
    </g>
  );
}
