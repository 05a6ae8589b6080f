"use client";

import { Suspense } from "react";
import { lazily } from "@/components/ui/lazily";
import { PageHeader } from "@/components/ui/page-header";
import { TrainLoading } from "./train-loading";

/** The form and its table of settings are most of the page's code; the frame is there before it. */
const TrainStart = lazily(
  () => import("./train-start").then((module) => module.TrainStart),
  <TrainLoading />,
);

export function TrainPage() {
  return (
    <>
      <PageHeader
        title="Train"
        lead="Fine-tune a model on a data set. What it will take is estimated as you type."
      />
      <Suspense fallback={<TrainLoading />}>
        <TrainStart />
      </Suspense>
    </>
  );
}
