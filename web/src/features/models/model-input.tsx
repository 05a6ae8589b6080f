"use client";

import { useId, type ComponentProps } from "react";
import { useHub } from "@/api/client";
import { Input } from "@/components/ui/field";

interface ModelInputProps extends Omit<ComponentProps<"input">, "value" | "onChange" | "list"> {
  value: string;
  onChange: (value: string) => void;
}

/** A model value (`name`, `name:2`, `name@alias`), with the names of the models that can be served offered. */
export function ModelInput({ value, onChange, ...rest }: ModelInputProps) {
  const list = useId();
  const { data } = useHub("/models", { params: { query: { limit: 200, sort: "name" } } });
  const names = (data?.data ?? [])
    .filter((model) => model.state === "ready" && model.kind !== "adapter")
    .map((model) => model.name);
  return (
    <>
      <Input
        {...rest}
        list={list}
        value={value}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onChange(event.target.value.trim())}
      />
      <datalist id={list}>
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  );
}
