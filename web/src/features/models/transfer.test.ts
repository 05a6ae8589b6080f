import { expect, it } from "vitest";
import { transferOfEvent, transfersOf } from "./transfer";

type Job = Parameters<typeof transfersOf>[0][number];
type Event = Parameters<typeof transferOfEvent>[0];

const job = (id: string, type: string, model: string) =>
  ({ id, type, model, model_version: { id: "v", model, version: 1 } }) as unknown as Job;

it("takes the newest of each type, of the model only", () => {
  const jobs = [
    job("5", "pull", "other"),
    job("4", "pull", "mine"),
    job("3", "push", "mine"),
    job("2", "pull", "mine"),
  ];
  expect(transfersOf(jobs, "mine").map((one) => one.id)).toEqual(["4", "3"]);
});

const event = (type: string, id: string, data: object): Event =>
  ({ seq: 1, time: "", type, subject: { kind: "job", id }, data }) as unknown as Event;

it("reads the progress of its own job", () => {
  const data = {
    step: 50,
    total: 100,
    eta_seconds: 2.5,
    unit: "bytes",
    files_done: 1,
    files_total: 3,
    bytes_per_second: null,
  };
  expect(transferOfEvent(event("job.progress", "a", data), "a")).toEqual({
    doneBytes: 50,
    totalBytes: 100,
    filesDone: 1,
    filesTotal: 3,
    bytesPerSecond: null,
    etaSeconds: 2.5,
  });
  expect(transferOfEvent(event("job.progress", "b", data), "a")).toBeNull();
  expect(transferOfEvent(event("job.started", "a", data), "a")).toBeNull();
});
