// Every page, in every theme and width: no accessibility violation, no error in the console, nothing that scrolls sideways.
import { AxeBuilder } from "@axe-core/playwright";
import { expect, test, type Page } from "@playwright/test";
import { admin, northwind, signIn, synced, umbra } from "../helpers/people.ts";

const staffPages = ["/", "/events", "/dead-letters", "/rejections", "/calls", "/subscriptions", "/customers", "/invoices", "/videos", "/connections", "/audit", "/search?q=north"];
const detailPages = ["/events", "/subscriptions", "/customers", "/invoices", "/videos", "/calls"];
const customerPages = ["/billing", "/billing/plans", "/billing/payment-methods", "/billing/invoices", "/billing/cancel"];

test.skip(({ javaScriptEnabled }) => javaScriptEnabled === false, "axe runs as a script");
async function check(page: Page, path: string) {
  const errors: string[] = [];
  const listen = (message: { type(): string; text(): string }) => {
    if (message.type() === "error") errors.push(message.text());
  };
  page.on("console", listen);
  const response = await page.goto(path);
  expect(response?.status(), path).toBe(200);
  await expect(page.locator("h1").first()).toBeVisible();
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(" ")).join(", ")}`);
  expect(found, path).toEqual([]);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(overflow, `${path} scrolls sideways`).toBeLessThanOrEqual(0);
  page.off("console", listen);
  expect(errors, path).toEqual([]);
}

test("staff pages are accessible and fit", async ({ page }) => {
  await signIn(page, admin, "/");
  await synced(page);
  for (const path of staffPages) await check(page, path);
});

test("detail pages are accessible and fit", async ({ page }) => {
  await signIn(page, admin, "/");
  await synced(page);
  for (const list of detailPages) {
    await page.goto(list);
    const href = await page.locator(`main a[href^="${list}/"]:not([href*="replay"])`).first().getAttribute("href");
    expect(href, list).toBeTruthy();
    await check(page, href!);
  }
});

test("customer pages are accessible and fit", async ({ page }) => {
  await signIn(page, admin, "/");
  await synced(page);
  await signIn(page, northwind, "/billing");
  for (const path of customerPages) await check(page, path);
  await signIn(page, umbra, "/billing");
  await check(page, "/billing");
});

test("the sandbox's own pages are accessible and fit", async ({ page }) => {
  for (const path of ["/sandbox", "/sandbox/clerk/sign-in"]) await check(page, path);
});
