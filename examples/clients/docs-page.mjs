// Does in the page at /docs what a newcomer does: gives a key, tries a request. Fails when the
// request fails, or when the page asks anything of another server. Writes screenshots to SCREENSHOTS.

import { chromium } from "playwright-core";

const { ACTUARY_URL, ACTUARY_KEY, CHROMIUM, SCREENSHOTS } = process.env;

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  chromiumSandbox: process.getuid() !== 0,
});
const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
page.setDefaultTimeout(20_000);
const asked = [];
const complaints = [];
page.on("request", (request) => asked.push(request.url()));
page.on("pageerror", (error) => complaints.push(error.message));
page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));

await page.goto(`${ACTUARY_URL}/docs`);
await page.locator(".opblock").first().waitFor();
await page.screenshot({ path: `${SCREENSHOTS}/docs-1.png` });

await page.locator(".btn.authorize").click();
await page.locator(".modal-ux input").fill(ACTUARY_KEY);
await page.locator(".modal-btn.authorize").click();
await page.locator(".btn-done").click();

const operation = page.locator("#operations-datasets-list_datasets");
await operation.locator(".opblock-summary").click();
await operation.locator("button.execute").click();
const answer = operation.locator(".live-responses-table tbody .response-col_status");
const status = (await answer.innerText()).trim();
await operation.scrollIntoViewIfNeeded();
await page.screenshot({ path: `${SCREENSHOTS}/docs-2.png` });

const operations = await page.locator(".opblock").count();
await browser.close();

const foreign = asked.filter((url) => !/^(data|blob):/.test(url) && !url.startsWith(`${ACTUARY_URL}/`));
console.log(`${operations} operations; GET /api/v1/datasets from the page: ${status}`);
console.log(`${asked.length} requests, ${foreign.length} of them to another server`);
if (status !== "200" || foreign.length > 0 || complaints.length > 0) {
  throw new Error([...foreign, ...complaints].join("\n") || `the page's request: ${status}`);
}
