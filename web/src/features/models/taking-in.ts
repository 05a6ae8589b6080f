"use client";

import { useEffect, useRef, useState } from "react";
import { useHub, type Schemas } from "@/api/client";
import { newRequestId } from "@/api/request-id";

interface TakingIn {
  /** How far the running import is; undefined while none runs or it has not begun. */
  running: Schemas["Import"] | undefined;
  /** Runs a call that takes files in; it sends the id and heeds the signal. */
  follow: <Result>(
    call: (requestId: string, signal: AbortSignal) => Promise<Result>,
  ) => Promise<Result>;
  /** Ends it: the hub keeps nothing. */
  cancel: () => void;
}

const refreshInterval = 500;

export function useTakingIn(): TakingIn {
  const [requestId, setRequestId] = useState<string | null>(null);
  const abort = useRef<AbortController | null>(null);
  const { data } = useHub("/imports", requestId == null ? null : {}, { refreshInterval });
  useEffect(() => () => abort.current?.abort(), []);
  return {
    running: data?.data.find((one) => one.request_id === requestId),
    follow: async (call) => {
      const id = newRequestId();
      const controller = new AbortController();
      abort.current = controller;
      setRequestId(id);
      try {
        return await call(id, controller.signal);
      } finally {
        setRequestId(null);
      }
    },
    cancel: () => abort.current?.abort(),
  };
}
