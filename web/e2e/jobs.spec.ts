import type { Hub } from "./hub";
import { expect, test } from "./hub";
import { ended, fill } from "./pages";

interface Job {
  id: string;
  state: string;
}

async function submit(hub: Hub, name: string, steps: number): Promise<string> {
  const job = await hub.call<Job>("POST", "/jobs", {
    type: "finetune",
    model: "smollm2-135m-instruct",
    dataset: "wexham",
    params: {
      max_steps: steps,
      epochs: 100,
      batch_size: 1,
      num_layers: 2,
      max_seq_length: 64,
      eval_every: 5,
      save_every: 5,
      sample_prompts: ["Which river runs through Wexham?"],
      sample_max_tokens: 8,
    },
    output: { name },
  });
  return job.id;
}

test.beforeAll(async ({ hub }) => {
  test.setTimeout(600_000);
  await fill(hub);
});

test("a job's charts go on across a crash of the hub, without gaps and without a reload", async ({
  page,
  hub,
}) => {
  test.setTimeout(900_000);
  const steps = 20;
  const id = await submit(hub, "across-a-crash", steps);
  await page.goto(`/ui/jobs/view/?id=${id}`);
  await page.evaluate(() => document.body.setAttribute("data-same-page", ""));
  const loss = page.getByRole("img", { name: /^Training and validation loss/ });
  // Past the first checkpoint, so that steps are repeated.
  await expect(loss).toHaveAccessibleName(/: ([6-9]|1\d) points/, { timeout: 300_000 });

  await hub.stop("SIGKILL");
  await expect(page.getByText("The hub does not answer.")).toBeVisible();
  await hub.start();
  await expect(page.getByText("The hub does not answer.")).toBeHidden({ timeout: 30_000 });

  await expect(page.getByText("completed", { exact: true })).toBeVisible({ timeout: 600_000 });
  await expect(loss).toHaveAccessibleName(
    `Training and validation loss: ${steps} points from step 0 to ${steps}`,
  );
  await expect(page.locator("body")).toHaveAttribute("data-same-page", "");

  // Nothing else is shown after a reload.
  await page.reload();
  await expect(loss).toHaveAccessibleName(
    `Training and validation loss: ${steps} points from step 0 to ${steps}`,
  );

  // A part of one chart is shown; the others stay as they are.
  const box = await loss.boundingBox();
  if (!box) throw new Error("the chart has no place");
  await page.mouse.move(box.x + box.width * 0.4, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2, { steps: 5 });
  await page.mouse.up();
  const showAll = page.getByRole("button", { name: "Show all" });
  await expect(showAll).toHaveCount(1);
  await showAll.click();
  await expect(showAll).toHaveCount(0);

  await page.getByRole("tab", { name: "Events" }).click();
  await expect(page.getByText("Completed", { exact: true })).toBeVisible();
  await expect(page.getByText("Queued", { exact: true })).toBeVisible();
  await page.getByRole("tab", { name: "Samples" }).click();
  await expect(page.getByText("Which river runs through Wexham?")).toBeVisible();
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  await expect(page.getByRole("row", { name: /^20 / })).toBeVisible();
  await page.getByRole("tab", { name: "Log" }).click();
  await expect(page.getByRole("region", { name: "Log" })).toContainText("goes on after step");
});

test("waiting jobs are moved by keyboard, and the queue is paused", async ({ page, hub }) => {
  await hub.call("POST", "/jobs/queue/pause");
  const names = ["first-sent", "second-sent", "third-sent"];
  const ids: string[] = [];
  for (const name of names) ids.push(await submit(hub, name, 1));

  await page.goto("/ui/jobs/");
  const line = page.getByRole("region", { name: "Next", exact: true }).getByRole("listitem");
  await expect(line).toHaveCount(3);
  await expect(line.first()).toContainText("The queue is paused");
  await page.getByRole("button", { name: "Move third-sent up" }).focus();
  await page.keyboard.press("Enter");
  await expect(line.nth(1)).toContainText("third-sent");
  // The focus goes with the job.
  await expect(page.getByRole("button", { name: "Move third-sent up" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(line.first()).toContainText("third-sent");
  await expect
    .poll(
      async () =>
        (await hub.call<{ queue_position: number }>("GET", `/jobs/${ids[2] ?? ""}`)).queue_position,
    )
    .toBe(1);

  await page.getByRole("button", { name: "Cancel second-sent" }).first().click();
  await page.getByRole("button", { name: "Cancel the job" }).click();
  await expect(line).toHaveCount(2);
  await page.getByRole("button", { name: "Resume the queue" }).click();
  await expect(page.getByRole("button", { name: "Pause the queue" })).toBeVisible();
  for (const id of [ids[0], ids[2]]) await ended(hub, id ?? "");
});
