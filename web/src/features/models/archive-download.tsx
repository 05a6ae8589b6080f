"use client";

import type { Schemas } from "@/api/client";
import { plural } from "@/format";
import { DownloadLink } from "./download-link";

export function ArchiveDownload({ model }: { model: Schemas["Model"] }) {
  return (
    <div className="space-y-4 text-sm">
      <p className="text-ink-soft">
        One .tar with {plural(model.versions.length, "version")}, aliases, lineage and every file.
        Another hub takes it in under Models, Register a model, Archive. The file appears whole or
        not at all: one that turns out damaged cuts the download.
      </p>
      <div className="flex justify-end">
        <DownloadLink
          path={`/models/${encodeURIComponent(model.id)}/archive`}
          name={`${model.name}.tar`}
        />
      </div>
    </div>
  );
}
