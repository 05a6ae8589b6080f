"use client";

import { useState, type SubmitEvent } from "react";
import { useAction } from "@/api/action";
import { api, type Schemas } from "@/api/client";
import { Button } from "@/components/ui/button";
import { Checkbox, Field, Select } from "@/components/ui/field";
import { ErrorNotice } from "@/components/ui/states";
import { OutputFields, outputOf, outputProblem, type Output } from "./output-fields";
import { choices, modes, paramsOf, recipes, resultName, withMode, type Packing } from "./packing";

type Dtype = Schemas["QuantizeParams"]["dtype"];

const dtypes: readonly NonNullable<Dtype>[] = ["float32", "float16", "bfloat16"];

interface QuantizeFormProps {
  /** A model value. */
  value: string;
  /** Of the model. */
  name: string;
  onQueued: (job: Schemas["Job"]) => void;
  onCancel: () => void;
}

export function QuantizeForm({ value, name, onQueued, onCancel }: QuantizeFormProps) {
  const [packing, setPacking] = useState<Packing>({
    mode: "affine",
    bits: 4,
    groupSize: 64,
    recipe: null,
  });
  const [dtype, setDtype] = useState<Dtype>(null);
  const [check, setCheck] = useState(true);
  const [output, setOutput] = useState<Output>({ name: "", alias: "" });
  const queue = useAction(async () => {
    const { data } = await api.POST("/jobs", {
      body: {
        type: "quantize",
        model: value,
        // The generated type demands fields that have defaults, and bits that a recipe forbids.
        params: paramsOf(packing, dtype, check) as Schemas["QuantizeParams"],
        output: outputOf(output),
      },
    });
    if (data && "id" in data) onQueued(data);
  });
  const { bits, groupSizes } = choices[packing.mode];
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void queue.run();
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <div className="grid gap-4 sm:grid-cols-2">
        <Field
          label="Mode"
          help="affine: scale and offset; the others: small floats with a shared scale"
        >
          {(ids) => (
            <Select
              {...ids}
              value={packing.mode}
              onChange={(event) => {
                const mode = modes.find((one) => one === event.target.value);
                if (mode) setPacking(withMode(packing, mode));
              }}
            >
              {modes.map((mode) => (
                <option key={mode}>{mode}</option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Recipe" help="More bits where they matter most; affine only">
          {(ids) => (
            <Select
              {...ids}
              value={packing.recipe ?? ""}
              disabled={packing.mode !== "affine"}
              onChange={(event) =>
                setPacking({
                  ...packing,
                  recipe: recipes.find((one) => one === event.target.value) ?? null,
                })
              }
            >
              <option value="">the same everywhere</option>
              {recipes.map((recipe) => (
                <option key={recipe}>{recipe}</option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Bits of a weight">
          {(ids) => (
            <Select
              {...ids}
              value={packing.recipe ? "" : packing.bits}
              disabled={packing.recipe != null || bits.length === 1}
              onChange={(event) =>
                setPacking({
                  ...packing,
                  bits: bits.find((one) => String(one) === event.target.value) ?? packing.bits,
                })
              }
            >
              {packing.recipe && <option value="">by the recipe</option>}
              {bits.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Weights that share a scale">
          {(ids) => (
            <Select
              {...ids}
              value={packing.groupSize}
              disabled={groupSizes.length === 1}
              onChange={(event) =>
                setPacking({
                  ...packing,
                  groupSize:
                    groupSizes.find((one) => String(one) === event.target.value) ??
                    packing.groupSize,
                })
              }
            >
              {groupSizes.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="What is not packed" help="The type of norms, biases and the like">
          {(ids) => (
            <Select
              {...ids}
              value={dtype ?? ""}
              onChange={(event) =>
                setDtype(dtypes.find((one) => one === event.target.value) ?? null)
              }
            >
              <option value="">as the model says</option>
              {dtypes.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </Select>
          )}
        </Field>
      </div>
      <OutputFields output={output} onChange={setOutput} usual={resultName(name, packing)} />
      <Checkbox
        label="Compare before and after"
        help="Perplexity, KL divergence and agreement on sample texts become the version’s figures."
        checked={check}
        onChange={(event) => setCheck(event.target.checked)}
      />
      <ErrorNotice error={queue.error} title="The job could not be queued" />
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>Cancel</Button>
        <Button
          type="submit"
          look="primary"
          busy={queue.busy}
          disabled={outputProblem(output) != null}
        >
          Quantize
        </Button>
      </div>
    </form>
  );
}
