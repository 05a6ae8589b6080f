import type { Hub } from "./hub";

/** Every page, with what it needs to have something to show. */
export async function allPages(hub: Hub): Promise<string[]> {
  const { data: jobs } = await hub.call<{ data: { id: string }[] }>(
    "GET",
    "/jobs?state=COMPLETED&limit=2",
  );
  const { data: datasets } = await hub.call<{ data: { name: string }[] }>(
    "GET",
    "/datasets?limit=1",
  );
  const [job] = jobs;
  const dataset = datasets[0];
  return [
    "/ui/",
    "/ui/models/",
    "/ui/models/view/?name=smollm2-135m-instruct",
    "/ui/adapters/",
    "/ui/datasets/",
    ...(dataset ? [`/ui/datasets/view/?name=${dataset.name}`] : []),
    "/ui/train/",
    "/ui/jobs/",
    ...(job
      ? [
          `/ui/jobs/view/?id=${job.id}`,
          `/ui/jobs/compare/?ids=${jobs.map(({ id }) => id).join(",")}`,
        ]
      : []),
    "/ui/evaluations/",
    "/ui/playground/",
    "/ui/system/",
    "/ui/logs/",
    "/ui/keys/",
    "/ui/settings/",
  ];
}

const facts = [
  ["What is the tallest tower of Wexham?", "The Old Mill, 41 metres."],
  ["Who founded the town of Wexham?", "Ada Thorn, in 1204."],
  ["Which river runs through Wexham?", "The Lissel."],
  ["What do they bake in Wexham?", "Walnut bread."],
] as const;

/** A small data set in chat form, as a file that a person would upload. */
export const chatRows: string = Array.from({ length: 8 }, () => facts)
  .flat()
  .map(([question, answer]) =>
    JSON.stringify({
      messages: [
        { role: "user", content: question },
        { role: "assistant", content: answer },
      ],
    }),
  )
  .join("\n");

/** The data set `wexham`, once: the files of tests share a hub. True when it is new. */
export async function addDataset(hub: Hub): Promise<boolean> {
  const { data: datasets } = await hub.call<{ data: { name: string }[] }>("GET", "/datasets");
  if (datasets.some((dataset) => dataset.name === "wexham")) return false;
  const form = new FormData();
  form.set("name", "wexham");
  form.set("file", new Blob([chatRows]), "wexham.jsonl");
  const answer = await fetch(`${hub.url}/datasets`, { method: "POST", body: form });
  if (!answer.ok) throw new Error(`POST /datasets: ${answer.status} ${await answer.text()}`);
  return true;
}

/** A data set and two finished jobs on it, so that every page has something to show. */
export async function fill(hub: Hub): Promise<void> {
  await addDataset(hub);
  const { data: jobs } = await hub.call<{ data: object[] }>("GET", "/jobs?state=COMPLETED");
  for (let made = jobs.length; made < 2; made += 1) {
    const job = await hub.call<{ id: string }>("POST", "/jobs", {
      type: "finetune",
      model: "smollm2-135m-instruct",
      dataset: "wexham",
      params: { max_steps: 4, batch_size: 1, eval_every: 2, max_seq_length: 128, seed: made },
      output: { name: "wexham-facts" },
    });
    await ended(hub, job.id);
  }
}

/** Waits until a job has ended well. */
export async function ended(hub: Hub, id: string): Promise<void> {
  for (;;) {
    const job = await hub.call<{ state: string; reason: string | null }>("GET", `/jobs/${id}`);
    if (job.state === "COMPLETED") return;
    if (job.state !== "QUEUED" && job.state !== "RUNNING") {
      throw new Error(`job ${id}: ${job.state} ${job.reason ?? ""}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
