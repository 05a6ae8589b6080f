import { chromium } from "@playwright/test";
const b = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const p = await b.newPage({ viewport: { width: 390, height: 844 } });
for (const path of process.argv.slice(2)) {
  await p.goto("http://localhost:8199" + path); await p.waitForTimeout(2500);
  const found = await p.evaluate(() => {
    const w = document.documentElement.clientWidth, out = [];
    for (const e of document.querySelectorAll("body *")) {
      const r = e.getBoundingClientRect();
      if (r.right > w + 1) { let a = e.parentElement, clipped = false; while (a) { const o = getComputedStyle(a).overflowX; if (o !== "visible") { clipped = true; break; } a = a.parentElement; } if (!clipped) out.push(e.tagName + "." + e.className + " " + Math.round(r.right)); }
    }
    return [document.documentElement.scrollWidth - w, ...out.slice(0, 8)];
  });
  console.log(path, JSON.stringify(found, null, 1));
  await p.screenshot({ path: "/tmp/shots/probe" + path.replaceAll("/", "_").replaceAll("?", "_") + ".png" });
}
await b.close();
