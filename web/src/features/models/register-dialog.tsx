"use client";

import { useRouter } from "next/navigation";
import { useState } from "react";
import { Dialog } from "@/components/ui/dialog";
import { Choice } from "@/components/ui/tabs";
import { modelHref } from "@/links";
import { PullForm } from "./pull-form";
import { RegisterArchive } from "./register-archive";
import { RegisterFolder } from "./register-folder";
import { RegisterRepository } from "./register-repository";

type Source = "hub" | "folder" | "archive";

const sources: { id: Source; label: string }[] = [
  { id: "hub", label: "Hugging Face Hub" },
  { id: "folder", label: "Folder or file here" },
  { id: "archive", label: "Archive" },
];

/** Registers a model; one of the Hub can be pulled in a second step, after its plan was seen. */
export function RegisterDialog({ onClose }: { onClose: () => void }) {
  const [source, setSource] = useState<Source>("hub");
  const [toPull, setToPull] = useState<string | null>(null);
  const router = useRouter();
  const show = (name: string): void => {
    onClose();
    router.push(modelHref(name));
  };
  if (toPull != null) {
    return (
      <Dialog title={`Pull ${toPull}`} open onClose={() => show(toPull)} wide>
        <PullForm name={toPull} onDone={() => show(toPull)} later="Pull it later" />
      </Dialog>
    );
  }
  return (
    <Dialog title="Register a model" open onClose={onClose}>
      <div className="space-y-4">
        <Choice label="Where it is" options={sources} selected={source} onSelect={setSource} />
        {source === "hub" && (
          <RegisterRepository
            onRegistered={(name, pull) => (pull ? setToPull(name) : show(name))}
          />
        )}
        {source === "folder" && <RegisterFolder onRegistered={show} />}
        {source === "archive" && <RegisterArchive onRegistered={show} />}
      </div>
    </Dialog>
  );
}
