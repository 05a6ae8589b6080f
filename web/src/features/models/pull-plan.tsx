import type { Schemas } from "@/api/client";
import { Badge } from "@/components/ui/badge";
import { Facts } from "@/components/ui/card";
import { Table, Td, Th } from "@/components/ui/table";
import { formatBytes, plural } from "@/format";

type Plan = Schemas["PullPlan"];

const sourceWords: Record<Plan["files"][number]["source"], string> = {
  download: "is downloaded",
  cache: "is in the Hugging Face cache",
  stored: "is in the hub’s store",
};

/** What a pull would bring and what it takes. */
export function PullPlan({ plan }: { plan: Plan }) {
  return (
    <div className="space-y-4">
      <Facts
        facts={[
          ["Repository", plan.repository],
          [
            "Commit",
            <code key="commit" className="font-mono text-xs">
              {plan.commit}
            </code>,
          ],
          ["Holds", plan.kind === "adapter" ? "an adapter" : "a whole model"],
          [
            "Download",
            `${formatBytes(plan.download_bytes)} of ${formatBytes(plan.total_bytes)} in ${plural(plan.files.length, "file")}`,
          ],
          [
            "Disk",
            <Fit
              key="disk"
              fits={plan.fits_disk}
              text={`needs ${formatBytes(plan.disk_required_bytes)}, ${formatBytes(plan.disk_free_bytes)} are free`}
            />,
          ],
          ...(plan.kind === "adapter"
            ? []
            : [
                [
                  "Memory",
                  <Fit
                    key="memory"
                    fits={plan.fits_memory}
                    text={`needs ${formatBytes(plan.memory_required_bytes)} of a budget of ${formatBytes(plan.memory_budget_bytes)}`}
                  />,
                ] satisfies [string, React.ReactNode],
              ]),
        ]}
      />
      {plan.from_cache && (
        <p className="text-sm text-ink-soft">
          The Hub cannot be reached; this machine’s Hugging Face cache has everything.
        </p>
      )}
      <div className="max-h-56 overflow-y-auto rounded-lg border border-line">
        <Table label="Files">
          <thead>
            <tr>
              <Th>File</Th>
              <Th numeric>Size</Th>
              <Th>Where it comes from</Th>
            </tr>
          </thead>
          <tbody>
            {plan.files.map((file) => (
              <tr key={file.name}>
                <Td className="font-mono text-xs">{file.name}</Td>
                <Td numeric>{formatBytes(file.size_bytes)}</Td>
                <Td className="text-ink-soft">
                  {sourceWords[file.source]}
                  {file.partial_bytes > 0 && `, ${formatBytes(file.partial_bytes)} are here`}
                </Td>
              </tr>
            ))}
          </tbody>
        </Table>
      </div>
    </div>
  );
}

function Fit({ fits, text }: { fits: boolean; text: string }) {
  return (
    <span className="flex flex-wrap items-center gap-2">
      <Badge tone={fits ? "good" : "bad"}>{fits ? "fits" : "does not fit"}</Badge>
      {text}
    </span>
  );
}
