// Stripe's own library over the sandbox's Stripe: nothing is accepted and dropped.
import { expect, test } from "@playwright/test";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { cases, type World } from "../operations/cases.ts";
import { client, judge, type Result } from "../operations/judge.ts";
import { startPatchbay } from "../helpers/server.ts";

const page = resolve(import.meta.dirname, "../../docs/sandbox.md");
const marks = ["<!-- operations -->\n", "<!-- end of operations -->\n"] as const;

function table(results: Result[]): string {
  const grouped = new Map<string, Result[]>();
  for (const result of results) grouped.set(result.operation, [...(grouped.get(result.operation) ?? []), result]);
  const list = (all: string[]) => [...new Set(all)].filter(Boolean).map((name) => `\`${name}\``).join(", ");
  const rows = [...grouped].map(([operation, of]) => {
    const done = of.filter((result) => result.verdict === "done");
    const refused = of.filter((result) => result.verdict === "refused");
    const without = refused.length && refused.every((result) => result.note === "no such address");
    return `| \`${operation}\` | ${done.length ? list(done.map((result) => result.parameters)) || "yes" : ""} | ${without ? "whole" : list(refused.map((result) => result.note))} |`;
  });
  const count = (verdict: string) => results.filter((result) => result.verdict === verdict).length;
  const sum = `${results.length} requests: ${count("done")} done, ${count("refused")} refused by name, ${count("wrong")} wrong.`;
  return [sum, "", "| Operation | Does | Refuses by name |", "|---|---|---|", ...rows, ""].join("\n");
}

test("every request is done as asked or refused by name", async ({}, info) => {
  test.skip(info.project.name !== "desktop-light", "no browser takes part");
  const server = await startPatchbay();
  try {
    const quiet = { method: "POST", headers: { origin: server.url, "content-type": "application/json" }, body: JSON.stringify({ traffic: false }) };
    expect((await fetch(`${server.url}/sandbox/control`, quiet)).ok).toBe(true);
    const stripe = client(server.url);
    const price = async (key: string) => (await stripe.prices.list({ lookup_keys: [key] })).data[0].id;
    const active = (await stripe.subscriptions.list({ status: "active", price: await price("starter_monthly_eur"), limit: 1 })).data[0];
    const customer = active.customer as string;
    const world: World = {
      stripe,
      customer,
      card: (await stripe.customers.listPaymentMethods(customer)).data[0].id,
      starter: await price("starter_monthly_eur"),
      growth: await price("growth_monthly_eur"),
      product: (await stripe.products.create({ name: "Made for prices" })).id,
      now: Math.floor(Date.now() / 1000),
      subscription: () => stripe.subscriptions.create({ customer, items: [{ price: world.starter }] }),
    };
    await stripe.coupons.create({ id: "half", percent_off: 50, duration: "forever" });
    const results: Result[] = [];
    for (const one of cases(world)) results.push(await judge(one));
    const wrong = results.filter((result) => result.verdict === "wrong");
    expect(wrong.map(({ operation, parameters, note }) => `${operation} ${parameters}: ${note}`)).toEqual([]);
    expect(results.length).toBeGreaterThanOrEqual(150);
    const text = readFileSync(page, "utf8");
    const [before, rest] = text.split(marks[0]);
    const after = rest.split(marks[1])[1];
    const written = `${before}${marks[0]}${table(results)}${marks[1]}${after}`;
    if (process.env.PATCHBAY_UPDATE_DOCS) writeFileSync(page, written);
    expect(text, "docs/sandbox.md is outdated: run this with PATCHBAY_UPDATE_DOCS=1").toBe(written);
  } finally {
    await server.stop();
  }
});
