"use client";

import type { Schemas } from "@/api/client";
import { Dialog } from "@/components/ui/dialog";
import { DownloadLink } from "@/features/models/download-link";

const files = ["adapter_config.json", "adapter_model.safetensors"] as const;

interface PeftDialogProps {
  version: Schemas["Version"];
  onClose: () => void;
}

export function PeftDialog({ version, onClose }: PeftDialogProps) {
  return (
    <Dialog title={`Export ${version.model} v${version.version} to PEFT`} open onClose={onClose}>
      <div className="space-y-4 text-sm">
        <p className="text-ink-soft">
          Both files in one folder are an adapter as Hugging Face’s PEFT reads it. They are made on
          the fly; the adapter here stays as it is.
        </p>
        <ul className="divide-y divide-line rounded-lg border border-line">
          {files.map((name) => (
            <li key={name} className="flex items-center justify-between gap-3 py-1 pr-1 pl-3">
              <code className="min-w-0 truncate font-mono text-xs">{name}</code>
              <DownloadLink
                path={`/versions/${encodeURIComponent(version.id)}/peft/${name}`}
                name={name}
              />
            </li>
          ))}
        </ul>
      </div>
    </Dialog>
  );
}
