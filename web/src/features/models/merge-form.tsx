"use client";

import { useState, type SubmitEvent } from "react";
import { useAction } from "@/api/action";
import { api, type Schemas } from "@/api/client";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/field";
import { ErrorNotice } from "@/components/ui/states";
import { OutputFields, outputOf, outputProblem, type Output } from "./output-fields";

interface MergeFormProps {
  /** A model value that means an adapter. */
  value: string;
  /** Of the adapter's model. */
  name: string;
  onQueued: (job: Schemas["Job"]) => void;
  onCancel: () => void;
}

export function MergeForm({ value, name, onQueued, onCancel }: MergeFormProps) {
  const [dequantize, setDequantize] = useState(false);
  const [check, setCheck] = useState(true);
  const [output, setOutput] = useState<Output>({ name: "", alias: "" });
  const queue = useAction(async () => {
    const { data } = await api.POST("/jobs", {
      body: {
        type: "merge",
        model: value,
        params: { dequantize, check },
        output: outputOf(output),
      },
    });
    if (data && "id" in data) onQueued(data);
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void queue.run();
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <p className="text-sm text-ink-soft">
        Makes a model of its own out of the adapter and its base. Packing to few bits rounds, and
        what an adapter adds is often smaller than a step of 4 bits: the figure delta_kept says how
        much of it is left.
      </p>
      <Checkbox
        label="Unpack the weights"
        help="Keeps all of what was learned, in a model that is several times as large."
        checked={dequantize}
        onChange={(event) => setDequantize(event.target.checked)}
      />
      <Checkbox
        label="Compare before and after"
        help="On the first rows of the data set that the adapter was trained on; the figures go to the new version."
        checked={check}
        onChange={(event) => setCheck(event.target.checked)}
      />
      <OutputFields output={output} onChange={setOutput} usual={`${name.slice(0, 93)}-merged`} />
      <ErrorNotice error={queue.error} title="The job could not be queued" />
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>Cancel</Button>
        <Button
          type="submit"
          look="primary"
          busy={queue.busy}
          disabled={outputProblem(output) != null}
        >
          Merge
        </Button>
      </div>
    </form>
  );
}
