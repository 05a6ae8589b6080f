"use client";

import { useHub, type Schemas } from "@/api/client";
import { Card } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { Table, Td, Th } from "@/components/ui/table";
import { formatBytes, plural } from "@/format";
import { DownloadLink } from "./download-link";
import { versionFilePath } from "./version-file";

export function FilesTab({ id }: { id: string }) {
  const { data: version, error, mutate } = useHub("/versions/{id}", { params: { path: { id } } });
  if (error != null && !version) {
    return <ErrorNotice error={error} title="The files did not come" retry={() => void mutate()} />;
  }
  if (!version) return <SkeletonRows rows={6} />;
  const files = version.files ?? [];
  return (
    <Card
      title={`${plural(files.length, "file")}, ${formatBytes(version.size_bytes)}`}
      actions={
        version.digest && (
          <span className="flex items-center gap-1 text-xs text-ink-faint">
            Digest of all
            <CopyButton text={version.digest} what="Copy the digest of all files" />
          </span>
        )
      }
      flush
    >
      {files.length === 0 ? (
        <EmptyState title="No files yet">
          {version.state === "pending"
            ? "A pull brings them from the Hugging Face Hub."
            : "The hub has recorded none for this version."}
        </EmptyState>
      ) : (
        <FileTable version={version} files={files} />
      )}
    </Card>
  );
}

interface FileTableProps {
  version: Schemas["Version"];
  files: NonNullable<Schemas["Version"]["files"]>;
}

function FileTable({ version, files }: FileTableProps) {
  return (
    <Table label="Files">
      <thead>
        <tr>
          <Th>File</Th>
          <Th numeric>Size</Th>
          <Th>SHA-256</Th>
          <Th>
            <span className="sr-only">Download</span>
          </Th>
        </tr>
      </thead>
      <tbody>
        {files.map((file) => (
          <tr key={file.name} className="hover:bg-sunken/50">
            <Td className="font-mono text-xs whitespace-nowrap">{file.name}</Td>
            <Td numeric title={`${file.size_bytes} bytes`}>
              {formatBytes(file.size_bytes)}
            </Td>
            <Td className="py-1">
              <span className="flex items-center gap-1">
                <code className="font-mono text-xs whitespace-nowrap" title={file.sha256}>
                  {file.sha256.slice(0, 16)}…
                </code>
                <CopyButton text={file.sha256} what={`Copy the SHA-256 of ${file.name}`} />
              </span>
            </Td>
            <Td className="py-1 text-right">
              <DownloadLink path={versionFilePath(version.id, file.name)} name={file.name} />
            </Td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
