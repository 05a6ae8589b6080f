import { expect, test, type Hub } from "./hub";

const base = "smollm2-135m-instruct";

const copy = "from-archive";

interface Version {
  id: string;
  version: number;
  folder: string;
}

/** Another version of the model, of the same files, with a figure to be compared by. */
async function addVersion(hub: Hub, evalLoss: number): Promise<Version> {
  const { data } = await hub.call<{ data: Version[] }>("GET", `/models/${copy}/versions`);
  return hub.call("POST", `/models/${copy}/versions`, {
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
  await expect(page.getByRole("link", { name: base, exact: true })).toBeVisible();
  await page.getByLabel("Search models").fill("no such name");
  await expect(page.getByText("No model fits these filters")).toBeVisible();
  await page.getByRole("button", { name: "Clear the filters" }).click();
  await page.getByRole("button", { name: "Cards" }).click();
  await page.reload();
  await expect(page.getByRole("heading", { level: 2, name: base, exact: true })).toBeVisible();
});

test("a model comes back from its archive, is promoted past a gate, verified and deleted", async ({
  page,
  hub,
}) => {
  test.setTimeout(400_000);
  page.setDefaultTimeout(30_000);
  await test.step("an archive goes out and comes in under another name", async () => {
    await page.goto(`/ui/models/view/?name=${base}`);
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Download as an archive" }).click();
    const downloading = page.waitForEvent("download");
    await page.getByRole("link", { name: `Download ${base}.tar` }).click();
    const archive = await (await downloading).path();
    await page.keyboard.press("Escape");

    await page.getByRole("link", { name: "Models", exact: true }).click();
    await page.getByRole("button", { name: "Register a model" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Archive" }).click();
    await dialog.getByLabel("Archive", { exact: true }).setInputFiles(archive);
    await dialog.getByLabel("Name").fill(copy);
    await dialog.getByRole("button", { name: "Take it in" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(copy, { timeout: 180_000 });
    await page.getByRole("tab", { name: "Lineage" }).click();
    await expect(page.getByRole("link", { name: new RegExp(`${copy} v1`) }).first()).toBeVisible();
  });

  const better = await addVersion(hub, 1.25);
  const worse = await addVersion(hub, 1.5);

  await test.step("the gate holds back what is worse, with both figures", async () => {
    await hub.call("PUT", `/models/${copy}/aliases/production`, { version: better.version });
    await page.getByRole("tab", { name: "Aliases" }).click();
    await page.getByRole("button", { name: "Move production", exact: true }).click();
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
  });

  await test.step("a version is verified; one in use cannot be deleted, another one can", async () => {
    await page.getByRole("tab", { name: "Versions" }).click();
    const versionButton = (version: Version) =>
      page.getByRole("button", { name: new RegExp(`^v${version.version}\\b`) });
    await versionButton(worse).click();
    await page.getByRole("button", { name: "Verify" }).click();
    await expect(page.getByText("everything is as it was recorded")).toBeVisible({
      timeout: 60_000,
    });
    await page.getByRole("button", { name: "Delete this version" }).click();
    await expect(page.getByRole("dialog")).toContainText("production");
    await page.keyboard.press("Escape");
    await versionButton(better).click();
    await page.getByRole("button", { name: "Delete this version" }).click();
    await page.getByRole("button", { name: "Delete the version", exact: true }).click();
    await expect(versionButton(better)).toHaveCount(0);
  });

  await test.step("the model goes, and is gone from the list", async () => {
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await expect(page.getByRole("dialog")).toContainText("the alias production");
    await page.getByRole("button", { name: "Delete the model" }).click();
    await expect(page).toHaveURL(/\/ui\/models\/$/);
    await expect(page.getByRole("link", { name: base, exact: true })).toBeVisible();
    await expect(page.getByRole("link", { name: copy })).toHaveCount(0);
  });
});
