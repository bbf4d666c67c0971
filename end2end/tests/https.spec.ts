// Everything over HTTPS: the server's own certificate, HTTP/2, and stand-ins that are reached the same way.
import { expect, test, type Page } from "@playwright/test";
import { admin, signIn, submit, synced } from "../helpers/people.ts";
import { type Server, startPatchbay } from "../helpers/server.ts";

let server: Server;
let page: Page;

test.beforeAll(async ({ browser }, info) => {
  test.skip(info.project.name !== "desktop-light", "one server, one browser");
  server = await startPatchbay({ https: true });
  const context = await browser.newContext({ baseURL: server.url, ignoreHTTPSErrors: true });
  page = await context.newPage();
});

test.afterAll(async () => {
  await page?.context().close();
  await server?.stop();
});

async function sandbox(change: object) {
  const answer = await page.request.post("/sandbox/control", { headers: { origin: server.url }, data: change });
  expect(answer.ok(), await answer.text()).toBe(true);
}

// Until the first sync has read everything.
test.setTimeout(180_000);

test("sign-in, a delivery, its page, an action and live news, all over HTTPS", async () => {
  await signIn(page, admin, "/");
  const cookies = await page.context().cookies();
  expect(cookies.length).toBeGreaterThan(0);
  for (const cookie of cookies) expect(cookie.secure, cookie.name).toBe(true);
  const protocol = await page.evaluate(() => performance.getEntriesByType("navigation").map((entry) => (entry as PerformanceNavigationTiming).nextHopProtocol));
  expect(protocol).toEqual(["h2"]);

  // The first sync is calls to the stand-in, over HTTPS.
  await synced(page);
  await sandbox({ traffic: false });
  await page.goto("/");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  const newest = page.locator('main a[href^="/events/"]').first();
  const before = (await newest.count()) ? await newest.getAttribute("href") : null;
  // A delivery by the stand-in, and its news on the open page.
  await sandbox({ do: "renew" });
  await expect(newest).not.toHaveAttribute("href", before ?? "");

  await newest.click();
  await expect(page.locator("h1")).toBeVisible();
  await page.goto("/connections");
  await submit(page, page.locator('form[action="/actions/start-sync"] button').first());
  expect(new URL(page.url()).origin).toBe(server.url);
  await synced(page);
  await page.goto("/audit");
  await expect(page.locator("main")).toContainText("sync");
});
