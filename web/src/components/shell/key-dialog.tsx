"use client";

import dynamic from "next/dynamic";
import { useSyncExternalStore } from "react";
import { keyIsWanted, subscribeToKey } from "@/api/key";

const KeyForm = dynamic(() => import("./key-form").then((module) => module.KeyForm));

/** Asks for an API key when the hub refused a call for want of one. Who needs none does not load the form. */
export function KeyDialog() {
  return useSyncExternalStore(subscribeToKey, keyIsWanted, () => false) ? <KeyForm /> : null;
}
