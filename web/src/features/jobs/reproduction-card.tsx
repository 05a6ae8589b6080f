"use client";

import { useHub, type Schemas } from "@/api/client";
import { Badge, type Tone } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { Link } from "@/components/ui/link";
import { ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { Table, Td, Th } from "@/components/ui/table";
import { formatFigure, formatNumber, shortDigest } from "@/format";
import { compareJobsHref } from "@/links";
import { EnvironmentDifferences } from "./environment-differences";
import type { Job } from "./job";

type Comparison = Schemas["JobComparison"];

const verdicts: Record<Comparison["verdict"], { tone: Tone; title: string; words: string }> = {
  identical: {
    tone: "good",
    title: "identical",
    words: "Both jobs came to the same result, to the bit.",
  },
  within_tolerance: {
    tone: "good",
    title: "within tolerance",
    words: "It ran in another environment, and no figure differs by more than that may cause.",
  },
  different: {
    tone: "bad",
    title: "different",
    words: "The two differ by more than they should.",
  },
  pending: { tone: "neutral", title: "pending", words: "It is known when this job has ended." },
  failed: { tone: "bad", title: "failed", words: "This job did not end well." },
};

/** How far a job came to the same as the one that it does again. */
export function ReproductionCard({ job }: { job: Job }) {
  const { data, error, mutate } = useHub("/jobs/{id}/comparison", {
    params: { path: { id: job.id } },
  });
  return (
    <Card
      title="Against the original"
      actions={
        job.reproduces && (
          <Link
            href={compareJobsHref([job.reproduces, job.id])}
            className="text-sm text-accent hover:underline"
          >
            Both courses
          </Link>
        )
      }
    >
      {error != null && (
        <ErrorNotice title="The two cannot be compared" error={error} retry={() => void mutate()} />
      )}
      {!data && !error && <SkeletonRows rows={4} />}
      {data && <ComparisonOf found={data} />}
    </Card>
  );
}

function ComparisonOf({ found }: { found: Comparison }) {
  const verdict = verdicts[found.verdict];
  const { digest } = found;
  return (
    <div className="space-y-4">
      <p className="flex flex-wrap items-center gap-2 text-sm">
        <Badge tone={verdict.tone}>{verdict.title}</Badge>
        {verdict.words}
        {found.deviation != null && (
          <span className="text-ink-faint tabular-nums">
            Largest deviation {formatFigure(found.deviation)}, tolerance{" "}
            {formatFigure(found.tolerance)}
          </span>
        )}
      </p>
      {(found.metrics.length > 0 || digest) && (
        <Table label="Figures of both jobs">
          <thead>
            <tr>
              <Th>Figure</Th>
              <Th numeric>The original</Th>
              <Th numeric>This job</Th>
              <Th numeric>Difference</Th>
            </tr>
          </thead>
          <tbody>
            {digest && (
              <tr>
                <Td>digest of the version</Td>
                <Td numeric className="font-mono text-xs">
                  {shortDigest(digest.then)}
                </Td>
                <Td numeric className="font-mono text-xs">
                  {shortDigest(digest.now)}
                </Td>
                <Td numeric>
                  {digest.equal == null ? "–" : digest.equal ? "the same" : "another"}
                </Td>
              </tr>
            )}
            {found.metrics.map((figure) => (
              <tr key={figure.name}>
                <Td>{figure.name?.replaceAll("_", " ")}</Td>
                <Td numeric>{formatFigure(figure.then)}</Td>
                <Td numeric>{formatFigure(figure.now)}</Td>
                <Td numeric>{formatFigure(figure.difference)}</Td>
              </tr>
            ))}
            {found.reports.map((report) => (
              <tr key={report.name}>
                <Td>{report.name?.replaceAll("_", " ")}, step by step</Td>
                <Td numeric colSpan={2} className="text-ink-soft">
                  {formatNumber(report.compared)} steps compared
                  {report.missing ? `, ${formatNumber(report.missing)} missing` : ""}
                </Td>
                <Td numeric>{formatFigure(report.largest_difference)}</Td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      <EnvironmentDifferences found={found.environment} now="This job" />
    </div>
  );
}
