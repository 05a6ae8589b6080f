import type { Page } from "@playwright/test";
import { expect, test } from "./hub";
import { addDataset, chatRows } from "./pages";

// What the hub is for, by clicks alone: data in, training watched, the result promoted, and asked beside its base.

const base = "smollm2-135m-instruct";
const trained = "harbor-facts";

/** The step that the job's page shows. */
async function shownStep(page: Page): Promise<number> {
  const text = await page
    .locator("dt", { hasText: /^Step$/ })
    .locator("xpath=../dd[1]")
    .innerText();
  return Number(text.replaceAll(",", ""));
}

test("upload, train, watch, promote, chat with both", async ({ page, hub }) => {
  test.setTimeout(600_000);
  // Whoever reloads a page has lost this.
  await page.goto("/ui/");
  await page.evaluate(() => Object.assign(window, { neverReloaded: true }));

  await test.step("upload data", async () => {
    await page.getByRole("link", { name: "Data sets" }).click();
    await page.locator('input[type="file"]').setInputFiles({
      name: "harbor.jsonl",
      mimeType: "application/x-ndjson",
      buffer: Buffer.from(chatRows),
    });
    const upload = page.getByRole("form", { name: "Upload of harbor.jsonl" });
    await expect(upload.getByLabel("Name")).toHaveValue("harbor");
    await upload.getByRole("button", { name: "Upload" }).click();
    await page.getByRole("link", { name: "Train on it" }).first().click();
  });

  await test.step("train", async () => {
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Train");
    await page.getByLabel("Model", { exact: true }).selectOption(base);
    await expect(page.getByLabel("Data set")).toHaveValue("harbor");
    await page.getByRole("button", { name: /^Quick try/ }).click();
    await page.getByLabel("Output name").fill(trained);
    await page.getByLabel("Batch size").fill("1");
    await page.getByRole("textbox", { name: "At most" }).fill("16");
    await page.getByLabel("Sequence length").fill("128");
    await expect(page.getByText(/fits/i).first()).toBeVisible();
    await page.getByRole("button", { name: "Start training" }).click();
    await expect(page).toHaveURL(/\/ui\/jobs\/view\/\?id=/);
  });

  await test.step("watch the loss move", async () => {
    await expect.poll(() => shownStep(page), { timeout: 120_000 }).toBeGreaterThan(0);
    const first = await shownStep(page);
    const chart = page.getByRole("img", { name: /^Training and validation loss/ });
    await expect(chart).toBeVisible({ timeout: 120_000 });
    await expect.poll(() => shownStep(page), { timeout: 120_000 }).toBeGreaterThan(first);
    await expect(page.getByText("completed", { exact: true })).toBeVisible({ timeout: 300_000 });
    expect(await page.evaluate(() => "neverReloaded" in window)).toBe(true);
  });

  await test.step("promote", async () => {
    await page.getByRole("link", { name: `${trained} v1` }).click();
    await page.getByRole("tab", { name: "Aliases" }).click();
    await page.getByRole("button", { name: "Set an alias" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Alias", { exact: true }).fill("production");
    await dialog.getByLabel("Version", { exact: true }).selectOption({ index: 0 });
    await dialog.getByRole("button", { name: /^Set/ }).click();
    await expect(page.getByRole("cell", { name: `${trained}@production` })).toBeVisible();
    const { aliases } = await hub.call<{ aliases: Record<string, number> }>(
      "GET",
      `/models/${trained}`,
    );
    expect(aliases).toEqual({ production: 1 });
  });

  await test.step("chat with both", async () => {
    await page.goto(`/ui/playground/?a=${base}&b=${trained}`);
    await page.getByLabel("Message").fill("Which river runs through Wexham?");
    await page.getByRole("button", { name: "Send" }).click();
    for (const model of [base, trained]) {
      const answer = page.getByRole("article", { name: `Answer of ${model}`, exact: true });
      // Not a speed: a short answer that is guessed right comes at once and has none.
      await expect(answer).toContainText("finish", { timeout: 120_000 });
    }
  });
});

test("a job can be cancelled", async ({ page, hub }) => {
  await addDataset(hub);
  const job = await hub.call<{ id: string }>("POST", "/jobs", {
    type: "finetune",
    model: base,
    dataset: "wexham",
    params: { epochs: 1000, batch_size: 1, max_seq_length: 64, eval_every: 0 },
  });
  await page.goto(`/ui/jobs/view/?id=${job.id}`);
  await expect(page.getByText("running", { exact: true })).toBeVisible({ timeout: 60_000 });
  await page.getByRole("button", { name: "Cancel" }).click();
  const dialog = page.getByRole("dialog");
  if (await dialog.isVisible()) await dialog.getByRole("button", { name: /Cancel/ }).click();
  await expect(page.getByText("cancelled", { exact: true })).toBeVisible({ timeout: 60_000 });
});

test("an error is shown with its request's id", async ({ page }) => {
  await page.goto("/ui/jobs/view/?id=00000000-0000-7000-8000-000000000000");
  const alert = page.getByRole("alert").first();
  await expect(alert).toContainText("Request");
});
