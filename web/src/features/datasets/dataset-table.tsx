"use client";

import { useState } from "react";
import type { Schemas } from "@/api/client";
import { Badge } from "@/components/ui/badge";
import { LinkButton } from "@/components/ui/button";
import { Link } from "@/components/ui/link";
import { SortTh, Table, Td, Th } from "@/components/ui/table";
import { formatBytes, formatNumber, formatTime } from "@/format";
import { datasetHref, trainOnHref } from "@/links";
import { sortedDatasets, type DatasetSort } from "./dataset-sort";

/** Columns that a phone has no room for; the format stands below the name there. */
const wide = "hidden md:table-cell";

/** The registered data sets; newest first until a column is chosen. */
export function DatasetTable({ datasets }: { datasets: Schemas["Dataset"][] }) {
  const [sort, setSort] = useState<DatasetSort>({ by: "created_at", descending: true });
  const head = { sort, onSort: setSort };
  return (
    <Table label="Registered data sets">
      <thead>
        <tr>
          <SortTh {...head} name="name">
            Name
          </SortTh>
          <SortTh {...head} name="format" className={wide}>
            Format
          </SortTh>
          <SortTh {...head} name="rows" numeric>
            Train rows
          </SortTh>
          <Th numeric className={wide}>
            Valid
          </Th>
          <Th numeric className={wide}>
            Test
          </Th>
          <SortTh {...head} name="size_bytes" numeric className={wide}>
            Size
          </SortTh>
          <SortTh {...head} name="created_at" className={wide}>
            Registered
          </SortTh>
          <Th>
            <span className="sr-only">Actions</span>
          </Th>
        </tr>
      </thead>
      <tbody>
        {sortedDatasets(datasets, sort).map((dataset) => (
          <tr key={dataset.id} className="hover:bg-sunken">
            <Td className="min-w-24">
              <Link
                href={datasetHref(dataset.name)}
                className="font-medium wrap-anywhere hover:underline"
              >
                {dataset.name}
              </Link>
              <span className="block text-xs text-ink-faint md:hidden">{dataset.format}</span>
            </Td>
            <Td className={wide}>
              <Badge>{dataset.format}</Badge>
            </Td>
            <Td numeric>{formatNumber(dataset.rows)}</Td>
            <Td numeric className={wide}>
              {formatNumber(dataset.parts?.valid?.rows)}
            </Td>
            <Td numeric className={wide}>
              {formatNumber(dataset.parts?.test?.rows)}
            </Td>
            <Td numeric className={wide}>
              {formatBytes(dataset.size_bytes)}
            </Td>
            <Td className={`${wide} whitespace-nowrap text-ink-soft`}>
              {formatTime(dataset.created_at)}
            </Td>
            <Td className="text-right">
              <LinkButton
                size="small"
                look="quiet"
                href={trainOnHref(dataset.name)}
                aria-label={`Train on ${dataset.name}`}
              >
                Train
              </LinkButton>
            </Td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
