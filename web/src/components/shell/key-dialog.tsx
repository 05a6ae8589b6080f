"use client";

import { useSyncExternalStore } from "react";
import { keyIsWanted, subscribeToKey } from "@/api/key";
import { lazily } from "@/components/ui/lazily";

const KeyForm = lazily(() => import("./key-form").then((module) => module.KeyForm));

/** Asks for an API key when the hub refused a call for want of one. Who needs none does not load the form. */
export function KeyDialog() {
  return useSyncExternalStore(subscribeToKey, keyIsWanted, () => false) ? <KeyForm /> : null;
}
