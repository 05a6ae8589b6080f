import { expect, test } from "./hub";
import { addDataset, chatRows } from "./pages";

const base = "smollm2-135m-instruct";

test("a file with a broken row is refused with its line, and taken without it", async ({
  page,
}) => {
  await page.goto("/ui/datasets/");
  await page.locator('input[type="file"]').setInputFiles({
    name: "broken rows.jsonl",
    mimeType: "application/x-ndjson",
    buffer: Buffer.from(`${chatRows}\n{"messages":\n`),
  });
  const upload = page.getByRole("form", { name: "Upload of broken rows.jsonl" });
  await expect(upload.getByLabel("Name")).toHaveValue("broken-rows");
  await upload.getByRole("button", { name: "Upload", exact: true }).click();
  await expect(upload.getByRole("alert")).toContainText("line 33");
  await upload.getByRole("button", { name: "Upload without the broken rows" }).click();
  await expect(page.getByText("1 problem")).toBeVisible();
  // The list below hears of it by the event.
  await expect(page.getByRole("link", { name: "broken-rows", exact: true })).toBeVisible();

  await page.getByRole("link", { name: "Report and rows" }).click();
  await expect(page.getByRole("region", { name: "Problems" })).toContainText("33");
  // The answer counts in the loss, the question does not.
  const row = page.getByRole("listitem").filter({ hasText: "Line 1" }).first();
  await expect(row.locator("mark")).toHaveText(/The Old Mill, 41 metres\./);
  await expect(row.locator("mark")).not.toContainText("tallest tower");

  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete the data set" }).click();
  await expect(page).toHaveURL(/\/ui\/datasets\/$/);
  await expect(page.getByRole("link", { name: "broken-rows", exact: true })).toBeHidden();
});

test("the form explains, estimates and keeps what was entered", async ({ page, hub }) => {
  test.setTimeout(300_000);
  await addDataset(hub);
  await page.goto(`/ui/train/?model=${base}&dataset=wexham`);
  await expect(page.getByText("Fits into memory")).toBeVisible({ timeout: 60_000 });

  await test.step("a value out of range is said at its field", async () => {
    await page.getByLabel("Rank").fill("0");
    await expect(page.getByText("A whole number: 1 to 512.")).toBeVisible();
    await expect(page.getByRole("button", { name: "Start training" }).last()).toBeDisabled();
    await page.getByLabel("Rank").fill("");
  });
  await test.step("what the hub refuses is said at its field", async () => {
    await page.getByLabel("Objective").selectOption("dpo");
    await expect(page.getByText(/trains on rows with 'chosen' and 'rejected'/)).toBeVisible();
    await page.getByLabel("Objective").selectOption("sft");
  });
  await test.step("a job that does not fit gets a setting that does", async () => {
    await page.getByLabel("Batch size").fill("4096");
    await page.getByRole("textbox", { name: "Rank" }).fill("512");
    await page.evaluate(() => window.scrollTo(0, 0));
    const fits = page.getByText("Fits into memory");
    const fix = page.getByRole("button", { name: "Use this setting" });
    await expect(fits.or(fix)).toBeVisible({ timeout: 60_000 });
  });
  await test.step("YAML and the form say the same", async () => {
    await page.getByRole("button", { name: "All defaults" }).click();
    await page.getByRole("button", { name: "YAML", exact: true }).click();
    const text = page.getByRole("textbox", { name: "lora_config.yaml" });
    await expect(text).toHaveValue(/rank: 8/);
    const before = await text.inputValue();
    await text.fill(before.replace("rank: 8", "rank: [8"));
    await expect(page.getByText(/^Line \d+: /)).toBeVisible();
    await text.fill(before.replace("rank: 8", "rank: 6"));
    await page.getByRole("button", { name: "Form", exact: true }).click();
    await expect(page.getByLabel("Rank")).toHaveValue("6");
  });
  await test.step("a reload loses nothing", async () => {
    await page.reload();
    await expect(page.getByLabel("Rank")).toHaveValue("6");
  });
});

test("evaluations are set side by side", async ({ page, hub }) => {
  test.setTimeout(300_000);
  await addDataset(hub);
  await page.goto(`/ui/evaluations/?model=${base}&dataset=wexham`);
  const dialog = page.getByRole("dialog");
  // The address names a model: the form is open already.
  await expect(dialog.getByLabel("Model", { exact: true })).toHaveValue(base);
  for (const rows of ["4", "4", "6"]) {
    await dialog.getByLabel("Model", { exact: true }).selectOption(base);
    await dialog.getByLabel("Data set").selectOption("wexham");
    await dialog.getByLabel("Rows at most").fill(rows);
    await dialog.getByRole("button", { name: "Evaluate" }).click();
    await expect(dialog).toBeHidden();
    if (rows === "4") await page.getByRole("button", { name: "New evaluation" }).click();
  }
  const list = page.getByRole("region", { name: "Evaluations" });
  await expect(list.getByText("completed")).toHaveCount(3, { timeout: 240_000 });
  const boxes = list.getByRole("checkbox");
  await boxes.nth(1).check();
  // The newest measured other rows.
  await expect(boxes.nth(0)).toBeDisabled();
  await boxes.nth(2).check();
  await page.getByRole("button", { name: "Compare 2" }).click();
  const comparison = page.getByRole("region", { name: "Comparison" });
  await expect(comparison.getByRole("row")).toHaveCount(3);
  await expect(comparison).toContainText("±0");
});
