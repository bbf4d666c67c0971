import { expect, test } from "@playwright/test";

test("the server is alive", async ({ request }) => {
  expect((await request.get("/healthz")).status()).toBe(200);
});

test("the first page and every file it asks for arrive", async ({ page, baseURL }) => {
  const failed: string[] = [];
  page.on("response", (response) => {
    // The page itself may say that nobody is signed in.
    const isPage = response.request().isNavigationRequest() && response.status() === 401;
    if (response.status() >= 400 && !isPage) failed.push(`${response.status()} ${response.url()}`);
  });
  page.on("console", (message) => {
    const isResponse = message.text().startsWith("Failed to load resource"); // counted above
    if (message.type() === "error" && !isResponse) failed.push(message.text());
  });
  page.on("pageerror", (error) => failed.push(error.message));
  await page.goto("/");
  await page.waitForLoadState("networkidle");
  expect(page.url().startsWith(baseURL ?? "")).toBe(true);
  await expect(page.locator("h1").first()).toBeVisible();
  expect(failed).toEqual([]);
});
