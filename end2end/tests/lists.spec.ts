// What lists do beside showing rows: files, selections, folded filters, and news that nobody misses.
import { expect, test, type Page } from "@playwright/test";
import { admin, northwind, signIn, submit, synced } from "../helpers/people.ts";

async function sandbox(page: Page, change: object) {
  const origin = process.env.PATCHBAY_E2E_URL ?? "";
  expect((await page.request.post("/sandbox/control", { headers: { origin }, data: change })).ok()).toBe(true);
}

test("the filtered list is downloaded as it is shown", async ({ page }, info) => {
  test.skip(info.project.name !== "desktop-light", "once is enough");
  await signIn(page, admin, "/");
  await synced(page);
  await page.goto("/customers?text=northwind");
  const shown = await page.locator("main tbody tr").count();
  const waiting = page.waitForEvent("download");
  await page.getByRole("link", { name: "Export CSV" }).click();
  const download = await waiting;
  expect(download.suggestedFilename()).toMatch(/^patchbay-customers-\d{4}-\d\d-\d\d\.csv$/);
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
  const lines = Buffer.concat(chunks).toString().trim().split("\r\n");
  expect(lines[0]).toContain("id,connection,name,email");
  expect(lines.length).toBe(1 + shown);
});

test("on a phone filters fold, say how many are set, and still work", async ({ page }, info) => {
  test.skip(info.project.name !== "phone", "a phone's behaviour");
  await signIn(page, admin, "/events?state=processed");
  const form = page.getByRole("search", { name: "Filter" });
  await expect(form).toBeHidden();
  await page.getByText("Filters (1)").click();
  await form.getByLabel("State").selectOption("");
  await submit(page, form.getByRole("button", { name: "Filter" }));
  expect(new URL(page.url()).searchParams.get("state")).toBeFalsy();
  await expect(page.getByText("Filters", { exact: true })).toBeVisible();
});

test("chosen events are shown before they are replayed", async ({ page }, info) => {
  test.skip(info.project.name === "phone", "the same on a desktop");
  await signIn(page, admin, "/");
  await synced(page);
  await sandbox(page, { do: "renew" });
  await expect(async () => {
    await page.goto("/events?state=processed");
    expect(await page.locator("main tbody tr").count()).toBeGreaterThan(1);
  }).toPass({ timeout: 60_000 });
  const types: string[] = [];
  for (const row of (await page.locator("main tbody tr").all()).slice(0, 2)) {
    types.push((await row.locator(".row-link").innerText()).trim());
    await row.getByRole("checkbox").check();
  }
  await submit(page, page.getByRole("button", { name: "Replay selected" }));
  await expect(page.locator("h1")).toHaveText("Replay 2 events?");
  for (const type of types) await expect(page.locator("main tbody")).toContainText(type);
  await submit(page, page.getByRole("button", { name: "Replay 2 events" }));
  await expect(page.getByRole("status").filter({ hasText: "2 events are back in line" })).toBeVisible();
});

test("calls are announced while somebody watches them", async ({ page }, info) => {
  test.skip(info.project.name !== "desktop-light", "needs the island; once is enough");
  await sandbox(page, { traffic: false });
  await signIn(page, admin, "/");
  await synced(page);
  await page.goto("/calls");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  const staff = await page.context().newPage();
  const newest = page.locator("main .row-link").first();
  const before = await newest.getAttribute("href");
  await staff.goto("/connections");
  await submit(staff, staff.locator('form[action="/actions/start-sync"] button').first());
  await expect(staff.getByRole("status").filter({ hasText: /sync/i })).toBeVisible();
  await staff.close();
  await page.getByRole("button", { name: /new — show/ }).click();
  await expect(newest).not.toHaveAttribute("href", before ?? "");
});

test("what happened between drawing a page and listening is not missed", async ({ page }, info) => {
  test.skip(info.project.name !== "desktop-light", "needs the island; once is enough");
  await sandbox(page, { traffic: false });
  await signIn(page, admin, "/");
  await synced(page);
  // The page connects only after the event happened.
  let connect = () => {};
  const held = new Promise<void>((go) => (connect = go));
  await page.route("**/live?*", async (route) => {
    await held;
    await route.continue();
  });
  await page.goto("/");
  const newest = page.locator('main a[href^="/events/"]').first();
  const before = (await newest.count()) ? await newest.getAttribute("href") : null;
  await sandbox(page, { do: "renew" });
  await expect(async () => {
    const html = await (await page.request.get("/")).text();
    expect(html.match(/href="(\/events\/[^"]+)"/)?.[1]).not.toBe(before);
  }).toPass({ timeout: 60_000 });
  connect();
  await expect(newest).not.toHaveAttribute("href", before ?? "");
});

test("a page that is current is left untouched when it begins to listen", async ({ page }, info) => {
  test.skip(info.project.name !== "desktop-light", "needs the island; once is enough");
  await sandbox(page, { traffic: false });
  await signIn(page, admin, "/");
  await synced(page);
  await page.goto("/customers");
  await page.locator("main .row-link").first().click();
  await page.waitForURL(/\/customers\/stripe\/cus_/);
  const heading = await page.locator("[data-live] h1").elementHandle();
  await page.waitForResponse((answer) => "x-patchbay-refresh" in answer.request().headers());
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  expect(await heading?.evaluate((element) => element.isConnected)).toBe(true);
});

test("a failed cancellation keeps what was typed, and a later one is told with who did it", async ({ page }, info) => {
  test.skip(info.project.name !== "desktop-light", "it changes the one plan of a customer");
  await signIn(page, admin, "/");
  await synced(page);
  await signIn(page, northwind, "/billing/cancel");
  await page.getByLabel("Reason").selectOption("too_expensive");
  await page.getByLabel("Comment").fill("Sorry & thanks; it was = fine");
  await sandbox(page, { outage: true });
  try {
    await submit(page, page.getByRole("button", { name: "Cancel my plan" }));
    await expect(page.getByRole("alert")).toBeVisible();
  } finally {
    await sandbox(page, { outage: false });
  }
  await expect(page.getByLabel("Reason")).toHaveValue("too_expensive");
  await expect(page.getByLabel("Comment")).toHaveValue("Sorry & thanks; it was = fine");
  // The provider answers again; after its pause calls go out.
  await expect(async () => {
    await page.goto("/billing/cancel");
    await submit(page, page.getByRole("button", { name: "Cancel my plan" }));
    expect(new URL(page.url()).pathname).toBe("/billing");
  }).toPass({ timeout: 120_000 });
  await submit(page, page.locator('form[action="/actions/billing/keep"] button').first());
  await expect(page.locator('form[action="/actions/billing/keep"]')).toHaveCount(0);
  await signIn(page, admin, "/audit?action=subscription.cancel");
  await expect(page.locator("main tbody")).toContainText("Northwind Traders, customer");
  await page.locator('main tbody a[href^="/subscriptions/"]').first().click();
  await expect(page.locator(".timeline")).toContainText("Customer · Chiara Rossi · Northwind Traders");
});
