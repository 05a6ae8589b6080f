"use client";

import useSWRImmutable from "swr/immutable";
import { expectOk, hubFetch } from "@/api/client";

export function versionFilePath(id: string, name: string): string {
  return `/versions/${encodeURIComponent(id)}/files/${encodeURIComponent(name)}`;
}

/** A text file of a version, which never changes. Null asks for none. */
export function useVersionText(id: string | null, name: string) {
  return useSWRImmutable<string, unknown>(
    id == null ? null : ["version-file", id, name],
    async () => (await expectOk(await hubFetch(versionFilePath(id ?? "", name)))).text(),
  );
}
