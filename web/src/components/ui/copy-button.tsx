"use client";

import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { copyText } from "@/copy-text";
import { Button, IconButton } from "./button";

/** Copies `text`; with a label it is a button with words, without one an icon that says `what`. */
export function CopyButton({
  text,
  label,
  what = "Copy",
}: {
  text: string;
  label?: string;
  what?: string;
}) {
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    void copyText(text).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    });
  };
  const icon = copied ? <Check size={15} aria-hidden /> : <Copy size={15} aria-hidden />;
  if (label) {
    return (
      <Button size="small" onClick={copy}>
        {icon}
        {copied ? "Copied" : label}
      </Button>
    );
  }
  return (
    <IconButton label={copied ? "Copied" : what} onClick={copy}>
      {icon}
    </IconButton>
  );
}
