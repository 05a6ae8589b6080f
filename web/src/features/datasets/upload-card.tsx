"use client";

import { X } from "lucide-react";
import { useEffect, useRef, useState, type SubmitEvent } from "react";
import type { Schemas } from "@/api/client";
import { ApiError, isAbort } from "@/api/errors";
import { Button, IconButton } from "@/components/ui/button";
import { Progress } from "@/components/ui/progress";
import { ErrorNotice } from "@/components/ui/states";
import { formatBytes, formatPercent } from "@/format";
import { nameOfFile } from "./dataset-name";
import { DatasetOptionsFields, newOptions, optionProblems, optionsOf } from "./dataset-options";
import { NewDatasetNotice } from "./new-dataset-notice";
import { uploadDataset } from "./upload";

type State =
  | { is: "editing"; error: unknown }
  | { is: "sending"; sentBytes: number }
  | { is: "done"; dataset: Schemas["Dataset"] };

/** One file on its way: first its options, then how far it is, then what came of it. */
export function UploadCard({ file, onClose }: { file: File; onClose: () => void }) {
  const [draft, setDraft] = useState(() => newOptions(nameOfFile(file.name)));
  const [state, setState] = useState<State>({ is: "editing", error: null });
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);

  const send = async (skipBadRows: boolean): Promise<void> => {
    abort.current = new AbortController();
    setDraft({ ...draft, skipBadRows });
    setState({ is: "sending", sentBytes: 0 });
    try {
      const dataset = await uploadDataset(
        file,
        { ...optionsOf(draft), skipBadRows },
        (sentBytes) => setState({ is: "sending", sentBytes }),
        abort.current.signal,
      );
      setState({ is: "done", dataset });
    } catch (error) {
      setState({ is: "editing", error: isAbort(error) ? null : error });
    }
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (Object.keys(optionProblems(draft)).length === 0) void send(draft.skipBadRows);
  };

  if (state.is === "done") return <NewDatasetNotice dataset={state.dataset} onClose={onClose} />;
  const sending = state.is === "sending";
  return (
    <form
      onSubmit={submit}
      aria-label={`Upload of ${file.name}`}
      className="space-y-4 rounded-xl border border-line bg-surface p-4"
    >
      <div className="flex items-center gap-3 text-sm">
        <p className="min-w-0 flex-1 truncate">
          <span className="font-medium">{file.name}</span>{" "}
          <span className="text-ink-faint">{formatBytes(file.size)}</span>
        </p>
        {!sending && (
          <IconButton label={`Take ${file.name} off the list`} onClick={onClose}>
            <X size={16} aria-hidden />
          </IconButton>
        )}
      </div>
      <DatasetOptionsFields draft={draft} onChange={setDraft} disabled={sending} />
      {state.is === "editing" && (
        <Refusal error={state.error} onSkip={() => void send(true)} skips={draft.skipBadRows} />
      )}
      {sending ? (
        <Sending
          sent={Math.min(state.sentBytes, file.size)}
          total={file.size}
          onCancel={() => abort.current?.abort()}
        />
      ) : (
        <Button look="primary" type="submit">
          Upload
        </Button>
      )}
    </form>
  );
}

interface SendingProps {
  sent: number;
  total: number;
  onCancel: () => void;
}

function Sending({ sent, total, onCancel }: SendingProps) {
  const checking = sent >= total;
  return (
    <div className="flex items-center gap-4">
      <div className="min-w-0 flex-1">
        <Progress label="Upload" share={checking ? null : sent / total} />
        <p role="status" className="mt-1.5 text-xs text-ink-soft tabular-nums">
          {checking
            ? "All bytes are there; the hub checks the rows and counts their tokens"
            : `${formatBytes(sent)} of ${formatBytes(total)}, ${formatPercent(sent / total)}`}
        </p>
      </div>
      <Button size="small" onClick={onCancel}>
        Cancel
      </Button>
    </div>
  );
}

interface RefusalProps {
  error: unknown;
  skips: boolean;
  onSkip: () => void;
}

/** Why the file was not taken; broken rows can be left out at once. */
function Refusal({ error, skips, onSkip }: RefusalProps) {
  if (error == null) return null;
  const badRows = error instanceof ApiError && error.code === "dataset_invalid" && !skips;
  return (
    <div className="space-y-3">
      <ErrorNotice error={error} title="The file was not registered" />
      {badRows && <Button onClick={onSkip}>Upload without the broken rows</Button>}
    </div>
  );
}
