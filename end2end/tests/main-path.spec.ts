// The main job: a provider posts, staff see it, the customer manages it. With and without scripts.
import { expect, test, type Page } from "@playwright/test";
import { admin, northwind, signIn, submit, synced, umbra } from "../helpers/people.ts";

const desktop = ["desktop-light", "nojs"];
test.beforeEach(({}, info) => test.skip(!desktop.includes(info.project.name), "once with scripts, once without"));

/** Reads a page again until it shows the text: what arrives by webhook takes a moment. */
async function eventually(page: Page, path: string, text: string | RegExp) {
  await expect(async () => {
    await page.goto(path);
    await expect(page.locator("main")).toContainText(text, { timeout: 500 });
  }).toPass({ timeout: 60_000 });
}

async function sandbox(page: Page, change: object) {
  const origin = process.env.PATCHBAY_E2E_URL ?? "";
  expect((await page.request.post("/sandbox/control", { headers: { origin }, data: change })).ok()).toBe(true);
}

test("an event arrives on the overview without a reload", async ({ page, javaScriptEnabled }) => {
  test.skip(javaScriptEnabled === false, "needs the island");
  await sandbox(page, { traffic: false });
  await signIn(page, admin, "/");
  await synced(page);
  await page.goto("/");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  const newest = page.locator('main a[href^="/events/"]').first();
  const before = (await newest.count()) ? await newest.getAttribute("href") : null;
  await sandbox(page, { do: "renew" });
  await expect(newest).not.toHaveAttribute("href", before ?? "");
});

test("staff go from an event to the subscription it changed", async ({ page }) => {
  await signIn(page, admin, "/");
  await synced(page);
  await sandbox(page, { do: "upgrade" });
  await eventually(page, "/events?type=customer.subscription.updated&state=processed", "customer.subscription.updated");
  await page.locator('main a[href^="/events/"]:not([href*="replay"])').first().click();
  await expect(page.locator("h1")).toContainText("customer.subscription.updated");
  await page.locator('main a[href^="/subscriptions/"]').first().click();
  await expect(page).toHaveURL(/\/subscriptions\/stripe\/sub_/);
  await expect(page.locator("main")).toContainText("customer.subscription.updated");
});

test("a customer changes the plan, sees the invoice, and staff see both", async ({ page }) => {
  await signIn(page, northwind, "/billing");
  await expect(page.locator("main")).toContainText(/Growth|Starter|Scale/);
  await page.goto("/billing/plans");
  await page.getByRole("link", { name: "See what it costs" }).last().click();
  await expect(page.locator("main")).toContainText(/today/i);
  await submit(page, page.locator('form[action="/actions/billing/change-plan"] button'));
  expect(new URL(page.url()).pathname).toBe("/billing");
  await page.goto("/billing/invoices");
  const rows = page.locator('main a[href^="/billing/invoices/in_"]');
  await expect(rows.first()).toBeVisible();
  const invoice = (await rows.first().getAttribute("href"))!.split("/").pop()!;
  await signIn(page, admin, "/audit");
  await expect(page.locator("main")).toContainText("subscription.change_plan");
  await expect(page.locator("main")).toContainText("Chiara Rossi");
  await eventually(page, `/invoices/stripe/${invoice}`, /Northwind/);
});

test("a customer cancels with a reason and takes it back", async ({ page }) => {
  await signIn(page, northwind, "/billing");
  await page.goto("/billing/cancel");
  await page.locator('form[action="/actions/billing/cancel"] select').first().selectOption({ index: 1 });
  await submit(page, page.locator('form[action="/actions/billing/cancel"] button'));
  expect(new URL(page.url()).pathname).toBe("/billing");
  await expect(page.locator("main")).toContainText(/ends on|until/i);
  await submit(page, page.locator('form[action="/actions/billing/keep"] button').first());
  await expect(page.locator('form[action="/actions/billing/keep"]')).toHaveCount(0);
});

test("a new customer starts a first subscription through Checkout", async ({ page }, info) => {
  test.skip(info.project.name !== "nojs", "an organisation starts its first subscription once");
  await signIn(page, umbra, "/billing");
  await page.locator('form[action="/actions/billing/start-subscription"] button').first().click();
  await page.waitForURL(/\/sandbox\/stripe\/checkout\//);
  await page.getByRole("button", { name: /pay|subscribe|start/i }).first().click();
  await page.waitForURL(/\/billing/);
  await eventually(page, "/billing", /Starter|Growth|Scale/);
  await eventually(page, "/billing/invoices", /paid/i);
});

test("a customer adds a card through the hosted page", async ({ page }) => {
  await signIn(page, northwind, "/billing/payment-methods");
  const cards = page.locator("main").getByText(/ending|····|•/);
  const before = await cards.count();
  await page.locator('form[action="/actions/billing/add-payment-method"] button').first().click();
  await page.waitForURL(/\/sandbox\/stripe\/checkout\//);
  await page.getByRole("button", { name: /save|add|pay/i }).first().click();
  await page.waitForURL(/\/billing/);
  await expect(async () => {
    await page.goto("/billing/payment-methods");
    expect(await cards.count()).toBeGreaterThan(before);
  }).toPass({ timeout: 60_000 });
});

test("with the provider down a customer reads everything and is told why nothing can change", async ({ page }) => {
  await signIn(page, northwind, "/billing/plans");
  const preview = await page.getByRole("link", { name: "See what it costs" }).last().getAttribute("href");
  await sandbox(page, { outage: true });
  try {
    expect((await page.goto("/billing/invoices"))?.status()).toBe(200);
    await page.goto(preview!);
    await expect(page.locator("body")).toContainText(/not answering|failing/);
  } finally {
    await sandbox(page, { outage: false });
  }
});

test("a wrong signature shows up among the rejections at once", async ({ page }) => {
  await page.request.post("/webhooks/stripe", { headers: { "stripe-signature": "t=1,v1=00" }, data: "{}" });
  await signIn(page, admin, "/rejections");
  await expect(page.locator("main")).toContainText(/old|match/i);
});
