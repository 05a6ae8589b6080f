"use client";

import { useHub, type Schemas } from "@/api/client";
import { Badge } from "@/components/ui/badge";
import { Card, Facts } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import { Link } from "@/components/ui/link";
import { ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { formatBytes, formatFigure, formatTime, plural, shortDigest, shortId } from "@/format";
import { datasetHref, jobHref, modelHref } from "@/links";
import { valueText } from "./value-text";
import { laneOf, type Job } from "./job";
import { jobTitle } from "./job-words";
import { ReproductionCard } from "./reproduction-card";

/** What a job was asked to do, what it ran in, and how it differs from the one that it does again. */
export default function SetupTab({ job }: { job: Job }) {
  return (
    <div className="space-y-4">
      {job.reproduces && <ReproductionCard job={job} />}
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <div className="space-y-4">
          <InputsCard job={job} />
          {laneOf(job) === "device" && <EnvironmentCard job={job} />}
        </div>
        <ParamsCard job={job} />
      </div>
    </div>
  );
}

const link = "text-accent hover:underline";

function InputsCard({ job }: { job: Job }) {
  const { model_version: version, dataset } = job;
  return (
    <Card title="What it worked on">
      <Facts
        facts={[
          [
            "Job",
            <span key="id" className="inline-flex items-center gap-1">
              <code className="font-mono text-xs break-all">{job.id}</code>
              <CopyButton text={job.id} what="Copy the job's id" />
            </span>,
          ],
          [
            "Model",
            <Link key="model" href={modelHref(version?.model ?? job.model)} className={link}>
              {version ? `${version.model} v${version.version}` : job.model}
            </Link>,
          ],
          ...(dataset
            ? [
                [
                  "Data set",
                  dataset.name ? (
                    <Link key="dataset" href={datasetHref(dataset.name)} className={link}>
                      {dataset.name}
                    </Link>
                  ) : (
                    "removed since"
                  ),
                ] as [string, React.ReactNode],
                [
                  "Its digest",
                  <code key="digest" className="font-mono text-xs">
                    {shortDigest(dataset.digest)}
                  </code>,
                ] as [string, React.ReactNode],
              ]
            : []),
          ...(job.output?.name ? [["Makes", makes(job.output)] as [string, React.ReactNode]] : []),
          ["Priority", String(job.priority)],
          ["Sent", formatTime(job.created_at)],
          ["Started", formatTime(job.started_at)],
          ["Ended", formatTime(job.ended_at)],
          ["Attempts", String(job.attempt)],
          ...(job.reproduces
            ? [
                [
                  "Does again",
                  <Link key="again" href={jobHref(job.reproduces)} className={link}>
                    {shortId(job.reproduces)}
                  </Link>,
                ] as [string, React.ReactNode],
              ]
            : []),
        ]}
      />
    </Card>
  );
}

const makes = ({ name, alias }: { name?: string; alias?: string | null }): string =>
  `a version of ${name ?? "a model"}${alias ? `, with the alias ${alias}` : ""}`;

function ParamsCard({ job }: { job: Job }) {
  const params = Object.entries(job.params ?? {}) as [string, unknown][];
  return (
    <Card
      title="Parameters"
      actions={
        params.length > 0 && (
          <CopyButton text={JSON.stringify(job.params, null, 2)} label="Copy as JSON" />
        )
      }
    >
      {params.length === 0 ? (
        <p className="text-sm text-ink-faint">{jobTitle(job)} takes none.</p>
      ) : (
        <Facts
          facts={params
            .sort(([a], [b]) => a.localeCompare(b))
            .map(([name, value]) => [
              name,
              <code key={name} className="font-mono text-xs break-all">
                {valueText(value)}
              </code>,
            ])}
        />
      )}
    </Card>
  );
}

function EnvironmentCard({ job }: { job: Job }) {
  const { data, error, mutate } = useHub("/jobs/{id}/environment", {
    params: { path: { id: job.id } },
  });
  const environments = data?.data ?? [];
  return (
    <Card title="What it ran in">
      {error != null && <ErrorNotice error={error} retry={() => void mutate()} />}
      {!data && !error && <SkeletonRows rows={5} />}
      {data && environments.length === 0 && (
        <p className="text-sm text-ink-faint">Known once its worker has started.</p>
      )}
      <div className="space-y-6">
        {environments.map((environment) => (
          <div key={environment.attempt} className="space-y-2">
            {environments.length > 1 && (
              <p className="text-xs text-ink-faint">
                From attempt {environment.attempt} on, {formatTime(environment.time)}
              </p>
            )}
            <Facts facts={environmentFacts(environment)} />
          </div>
        ))}
      </div>
    </Card>
  );
}

function environmentFacts(environment: Schemas["JobEnvironment"]): [string, React.ReactNode][] {
  const { hardware, system, memory, mlx, cpu, blas, hub, worker, inputs, variables } = environment;
  const names = Object.entries(variables);
  return [
    [
      "Processor",
      `${hardware.processor ?? "unknown"}${hardware.cores ? `, ${plural(hardware.cores, "core")}` : ""}`,
    ],
    [
      "Memory",
      `${formatBytes(hardware.memory_bytes)}, ${formatBytes(memory.budget_bytes)} for the hub`,
    ],
    ["System", [system.name, system.release].filter(Boolean).join(" ")],
    ["MLX", `${mlx.version ?? "?"} on ${mlx.device_name ?? mlx.device ?? "?"}`],
    ["Kernels", `${cpu.kernels ?? "?"}, ${plural(cpu.threads ?? 0, "thread")}`],
    ["BLAS", [blas.library, blas.core].filter(Boolean).join(" ")],
    ["Hub", buildText(hub)],
    ["Worker", buildText(worker)],
    ["Seed", inputs.seed == null ? "–" : formatFigure(inputs.seed)],
    ["Base", <code key="base">{shortDigest(inputs.base_digest)}</code>],
    ...(names.length > 0
      ? [
          [
            "Variables",
            <span key="variables" className="flex flex-wrap gap-1">
              {names.map(([name, value]) => (
                <Badge key={name}>
                  {name}={value}
                </Badge>
              ))}
            </span>,
          ] as [string, React.ReactNode],
        ]
      : []),
  ];
}

const buildText = (build: Schemas["BuildInfo"]): string =>
  [build.version, build.commit?.slice(0, 12)].filter(Boolean).join(", ");
