// What a key may do and whose data it sees, with Stripe's own library.
import { expect, test } from "@playwright/test";
import Stripe from "stripe";
import { client } from "../operations/judge.ts";
import { startPatchbay } from "../helpers/server.ts";

const restricted = "rk_test_sandbox51PatchbayLocalOnly0000";
const account = "acct_1SandboxHarbor00";

/** Tests what needs a sandbox of its own, and no browser. */
function alone(title: string, run: (url: string, control: (change: object) => Promise<void>) => Promise<void>) {
  test(title, async ({}, info) => {
    test.skip(info.project.name !== "desktop-light", "no browser takes part");
    const server = await startPatchbay();
    const headers = { origin: server.url, "content-type": "application/json" };
    const control = async (change: object) => {
      expect((await fetch(`${server.url}/sandbox/control`, { method: "POST", headers, body: JSON.stringify(change) })).status).toBe(200);
    };
    try {
      await control({ traffic: false });
      await run(server.url, control);
    } finally {
      await server.stop();
    }
  });
}

alone("Stripe's own library names the permission that a restricted key lacks", async (url, control) => {
  const stripe = client(url, restricted);
  await stripe.invoices.list({ limit: 1 });
  await control({ lacks: ["rak_invoice_read"] });
  const refused = await stripe.invoices.list({ limit: 1 }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(Stripe.errors.StripePermissionError);
  expect((refused as Error).message).toContain("Having the 'rak_invoice_read' permission would allow this request to continue.");
  await stripe.customers.list({ limit: 1 });
  await control({ lacks: [] });
  await stripe.invoices.list({ limit: 1 });
});

alone("a platform sees the data of the connected account it acts for, and no other", async (url) => {
  const stripe = client(url);
  const options = { stripeAccount: account };
  const theirs = (await stripe.customers.list({ limit: 100 }, options)).data.map((row) => row.id);
  const own = (await stripe.customers.list({ limit: 100 })).data.map((row) => row.id);
  expect(theirs.length).toBeGreaterThan(0);
  expect(own.filter((id) => theirs.includes(id))).toEqual([]);
  const made = await stripe.customers.create({ name: "Of the account" }, options);
  await expect(stripe.customers.retrieve(made.id)).rejects.toThrow("No such customer");
  const [event] = (await stripe.events.list({ type: "customer.created" }, options)).data;
  expect([event.account, (event.data.object as Stripe.Customer).id]).toEqual([account, made.id]);
  expect((await stripe.accounts.retrieveCurrent({}, options)).id).toBe(account);
  const stranger = await stripe.customers.list({}, { stripeAccount: "acct_1Stranger" }).catch((error: unknown) => error);
  expect((stranger as Stripe.errors.StripeError).code).toBe("account_invalid");
});
