import type { Schemas } from "@/api/client";
import { Card, Facts } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import {
  formatBytes,
  formatNumber,
  formatPercent,
  formatTime,
  plural,
  shortDigest,
} from "@/format";

/** Where the rows came from and how they were parted. */
export function DatasetFacts({ dataset }: { dataset: Schemas["Dataset"] }) {
  const { parts, split, source } = dataset;
  const part = (rows: Schemas["DatasetPart"] | null | undefined): string =>
    rows ? `${plural(rows.rows, "row")}, ${formatBytes(rows.size_bytes)}` : "none";
  return (
    <Card title="Parts and origin">
      <Facts
        facts={[
          ["Train", parts?.train ? part(parts.train) : plural(dataset.rows, "row")],
          ["Valid", parts?.valid ? part(parts.valid) : "none; training holds out rows itself"],
          ["Test", parts?.test ? part(parts.test) : "none; evaluations use valid, else train"],
          [
            "Split",
            split
              ? `${formatPercent(split.valid, 1)} valid, ${formatPercent(split.test, 1)} test, seed ${split.seed}`
              : "as it came",
          ],
          [
            "File that came",
            source
              ? `${(source.file_type ?? "").toUpperCase()}, ${formatNumber(source.rows)} rows, ${formatBytes(source.size_bytes)}`
              : "not recorded",
          ],
          ["Registered", formatTime(dataset.created_at)],
          [
            "SHA-256",
            <span key="digest" className="flex items-center gap-1">
              <code className="font-mono text-xs">{shortDigest(dataset.digest)}</code>
              <CopyButton text={dataset.digest} what="Copy the SHA-256" />
            </span>,
          ],
        ]}
      />
    </Card>
  );
}
