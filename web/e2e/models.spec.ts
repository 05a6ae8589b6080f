import { expect, test, type Hub } from "./hub";

const base = "smollm2-135m-instruct";

interface Version {
  id: string;
  version: number;
  folder: string;
}

/** Another version of the default model, of the same files, with a figure to be compared by. */
async function addVersion(hub: Hub, evalLoss: number): Promise<Version> {
  const { data } = await hub.call<{ data: Version[] }>("GET", `/models/${base}/versions`);
  return hub.call("POST", `/models/${base}/versions`, {
    path: data.at(-1)?.folder,
    metrics: { eval_loss: evalLoss },
  });
}

test("a model is described, found by its tag, and the view is remembered", async ({ page }) => {
  await page.goto(`/ui/models/view/?name=${base}`);
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Edit description and tags" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Description").fill("Small and quick.");
  await dialog.getByLabel("Tags").fill("task: chat, draft");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByText("Small and quick.")).toBeVisible();

  await page.goto("/ui/models/");
  await page.getByLabel("Tag", { exact: true }).selectOption("task:chat");
  await expect(page).toHaveURL(/tag=task%3Achat/);
  await expect(page.getByRole("link", { name: base })).toBeVisible();
  await page.getByLabel("Search models").fill("no such name");
  await expect(page.getByText("No model fits these filters")).toBeVisible();
  await page.getByRole("button", { name: "Clear the filters" }).click();
  await page.getByRole("button", { name: "Cards" }).click();
  await page.reload();
  await expect(page.getByRole("heading", { level: 2, name: base })).toBeVisible();
});

test("an alias moves only past its gate, and is taken back at once when it does not", async ({
  page,
  hub,
}) => {
  const better = await addVersion(hub, 1.25);
  const worse = await addVersion(hub, 1.5);
  await hub.call("PUT", `/models/${base}/aliases/production`, { version: better.version });
  await page.goto(`/ui/models/view/?name=${base}&tab=aliases`);
  await page.getByRole("button", { name: "Move production" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/^From version/).selectOption(String(worse.version));
  await expect(dialog.getByRole("status")).toContainText("Worse: the gate holds it back");
  await dialog.getByRole("button", { name: "Move it" }).click();
  const refusal = dialog.getByRole("alert");
  await expect(refusal).toContainText("The alias was not moved.");
  await expect(refusal).toContainText("+0.25");
  await dialog.getByLabel("Only if it is not worse").uncheck();
  await dialog.getByRole("button", { name: "Move it" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("cell", { name: `v${worse.version}`, exact: true })).toBeVisible();

  await page.getByRole("tab", { name: "Versions" }).click();
  await page.getByRole("button", { name: `v${worse.version}, show it` }).click();
  await page.getByRole("button", { name: "Verify" }).click();
  await expect(page.getByText("everything is as it was recorded")).toBeVisible({ timeout: 60_000 });
  await page.getByRole("button", { name: "Delete this version" }).click();
  await expect(page.getByRole("dialog")).toContainText("production");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: `v${better.version}, show it` }).click();
  await page.getByRole("button", { name: "Delete this version" }).click();
  await page.getByRole("button", { name: "Delete the version" }).click();
  await expect(page.getByRole("button", { name: `v${better.version}, show it` })).toHaveCount(0);
});

test("a model goes out as an archive and comes in under another name", async ({ page }) => {
  test.setTimeout(300_000);
  await page.goto(`/ui/models/view/?name=${base}`);
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Download as an archive" }).click();
  const downloading = page.waitForEvent("download");
  await page.getByRole("link", { name: `Download ${base}.tar` }).click();
  const archive = await (await downloading).path();
  await page.keyboard.press("Escape");

  await page.getByRole("link", { name: "Models" }).click();
  await page.getByRole("button", { name: "Register a model" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Archive" }).click();
  await dialog.getByLabel("Archive", { exact: true }).setInputFiles(archive);
  await dialog.getByLabel("Name").fill("from-archive");
  await dialog.getByRole("button", { name: "Take it in" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("from-archive", {
    timeout: 180_000,
  });

  await page.getByRole("tab", { name: "Lineage" }).click();
  await expect(page.getByRole("link", { name: /from-archive v1/ }).first()).toBeVisible();
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete the model" }).click();
  await expect(page).toHaveURL(/\/ui\/models\/$/);
  await expect(page.getByRole("link", { name: "from-archive" })).toHaveCount(0);
});
