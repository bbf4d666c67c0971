// Requests to the sandbox's Stripe, parameter by parameter. What belongs together in Stripe's documents stands together here.
import type Stripe from "stripe";
import type { Case } from "./judge.ts";

/** What the cases work on: a customer with a card, prices, a subscription of its own for each case that changes one. */
export interface World {
  stripe: Stripe;
  customer: string;
  card: string;
  starter: string;
  growth: string;
  /** A product to make prices of. */
  product: string;
  now: number;
  subscription(): Promise<Stripe.Subscription>;
}

type Sends = Record<string, unknown>;
const DAY = 86_400;

/** Several requests of one operation. */
function each(operation: string, all: Sends[], rest: Omit<Case, "operation" | "sends">): Case[] {
  return all.map((sends) => ({ operation, sends, ...rest }));
}

function all(list: { data: Sends[] }, fits: (row: Sends) => boolean, what: string): string | undefined {
  return list.data.every(fits) ? undefined : `a row is not ${what}`;
}

const address = { line1: "1 Main St", line2: "2nd floor", city: "Dublin", postal_code: "D01", state: "Leinster", country: "IE" };

function customers({ stripe, customer, card, now }: World): Case[] {
  const own: Sends[] = [
    { name: "Ada" }, { email: "ada@example.com" }, { phone: "+353 1 555" }, { description: "A note" }, { metadata: { a: "b" } }, { address },
    { shipping: { name: "Ada", phone: "1", address } }, { preferred_locales: ["ga", "en"] }, { tax_exempt: "reverse" }, { balance: -500 },
    { invoice_prefix: "ABC123" }, { next_invoice_sequence: 7 }, { invoice_settings: { footer: "Thanks" } },
    { invoice_settings: { custom_fields: [{ name: "PO", value: "1" }] } }, { tax: { ip_address: "127.0.0.1" } },
    { cash_balance: { settings: { reconciliation_mode: "manual" } } },
  ];
  const create = [...own, { payment_method: card }, { tax_id_data: [{ type: "eu_vat", value: "IE1234567A" }] }, { test_clock: "clock_1" }];
  const update = [...own, { invoice_settings: { default_payment_method: card } }, { default_source: "card_1" }];
  const old = (made: Stripe.Customer) => (String(made.default_source).startsWith("card_") ? undefined : "no default source");
  const withSource = async () => {
    const made = await stripe.customers.create({ source: "tok_visa" });
    return [made.id, made.default_source as string] as const;
  };
  const read = (made: Stripe.Customer) => stripe.customers.retrieve(made.id);
  return [
    ...each("customers.create", create, { run: (sends) => stripe.customers.create(sends), read }),
    ...each("customers.update", update, {
      run: async (sends: Sends) => {
        const subject = sends.invoice_settings && "default_payment_method" in (sends.invoice_settings as Sends) ? customer : (await stripe.customers.create()).id;
        return stripe.customers.update(subject, sends);
      },
      read,
    }),
    { operation: "customers.create", sends: { source: "tok_visa" }, run: (sends) => stripe.customers.create(sends), read, right: old },
    { operation: "customers.update", sends: { source: "tok_visa" }, run: async (sends) => stripe.customers.update((await stripe.customers.create()).id, sends), read, right: old },
    { operation: "customers.retrieve", sends: {}, run: () => stripe.customers.retrieve(customer) },
    { operation: "customers.del", sends: {}, run: async () => stripe.customers.del((await stripe.customers.create()).id), right: (gone: Stripe.DeletedCustomer) => (gone.deleted ? undefined : "it is not deleted") },
    { operation: "customers.list", sends: { limit: 3 }, run: (sends) => stripe.customers.list(sends), right: (list: { data: Sends[] }) => (list.data.length === 3 ? undefined : "not three") },
    { operation: "customers.list", sends: { email: "nobody@example.com" }, run: (sends) => stripe.customers.list(sends), right: (list: { data: Sends[] }) => (list.data.length === 0 ? undefined : "somebody") },
    { operation: "customers.list", sends: { created: { gte: now - DAY } }, run: (sends) => stripe.customers.list(sends), right: (list: { data: Sends[] }) => all(list, (row) => Number(row.created) >= now - DAY, "of the last day") },
    { operation: "customers.search", sends: { query: "name:'Ada'" }, run: (sends) => stripe.customers.search(sends) },
    { operation: "customers.createBalanceTransaction", sends: { amount: -100, currency: "eur" }, run: (sends) => stripe.customers.createBalanceTransaction(customer, sends) },
    { operation: "customers.listBalanceTransactions", sends: {}, run: () => stripe.customers.listBalanceTransactions(customer) },
    { operation: "customers.createTaxId", sends: { type: "eu_vat", value: "IE1234567A" }, run: (sends) => stripe.customers.createTaxId(customer, sends) },
    {
      operation: "customers.createSource", sends: { source: "btok_us_verified" }, run: async (sends) => stripe.customers.createSource((await stripe.customers.create()).id, sends),
      right: (made: Stripe.BankAccount) => (made.object === "bank_account" ? undefined : `it is a ${made.object}`),
    },
    {
      operation: "customers.listSources", sends: { object: "card" }, run: async (sends) => stripe.customers.listSources((await withSource())[0], sends),
      right: (list: { data: Sends[] }) => (list.data.length === 1 ? all(list, (row) => row.object === "card", "a card") : "not one"),
    },
    { operation: "customers.retrieveSource", sends: {}, run: async () => stripe.customers.retrieveSource(...(await withSource())) },
    { operation: "customers.updateSource", sends: { exp_month: 3, exp_year: 2040, name: "Ada" }, run: async (sends) => stripe.customers.updateSource(...(await withSource()), sends) },
    { operation: "customers.deleteSource", sends: {}, run: async () => stripe.customers.deleteSource(...(await withSource())), right: (gone: Stripe.DeletedCard) => (gone.deleted ? undefined : "it is not deleted") },
    { operation: "sources.create", sends: { type: "card" }, run: (sends) => stripe.sources.create({ ...(sends as Sends), token: "tok_visa" }) },
    { operation: "sources.retrieve", sends: {}, run: async () => stripe.sources.retrieve((await stripe.sources.create({ type: "card", token: "tok_visa" })).id) },
    { operation: "customers.deleteDiscount", sends: {}, run: async () => stripe.customers.deleteDiscount((await stripe.customers.list({ email: "billing@contoso.example" })).data[0].id), right: (gone: Stripe.DeletedDiscount) => (gone.deleted ? undefined : "it is not deleted") },
    { operation: "customers.listPaymentMethods", sends: { type: "card" }, run: (sends) => stripe.customers.listPaymentMethods(customer, sends), right: (list: { data: Sends[] }) => all(list, (row) => row.type === "card", "a card") },
    { operation: "customers.retrievePaymentMethod", sends: {}, run: () => stripe.customers.retrievePaymentMethod(customer, card) },
  ];
}

let serial = 0;
/** A name that nothing else has. */
const unique = (name: string) => `${name}-${++serial}`;

function meters({ stripe, customer, now }: World): Case[] {
  const base = () => ({ display_name: "Calls", event_name: unique("calls"), default_aggregation: { formula: "sum" } as const });
  const made = () => stripe.billing.meters.create(base());
  const event = (sends: Sends, right?: (made: Sends) => string | undefined): Case => ({
    operation: "billing.meterEvents.create", sends, right: right as Case["right"],
    run: async (more: Sends) => {
      const meter = await made();
      return stripe.billing.meterEvents.create({ event_name: meter.event_name, ...more } as Stripe.Billing.MeterEventCreateParams);
    },
  });
  const payload = { stripe_customer_id: customer, value: "3" };
  return [
    ...each("billing.meters.create", [{}, { customer_mapping: { event_payload_key: "who", type: "by_id" } }, { value_settings: { event_payload_key: "many" } }, { event_time_window: "day" }], {
      run: (sends: Sends) => stripe.billing.meters.create({ ...base(), ...sends } as Stripe.Billing.MeterCreateParams), read: (one: Sends) => stripe.billing.meters.retrieve(one.id as string),
    }),
    { operation: "billing.meters.list", sends: { status: "active" }, run: async (sends) => { await made(); return stripe.billing.meters.list(sends); }, right: (list: { data: Sends[] }) => (list.data.length ? all(list, (row) => row.status === "active", "active") : "nothing") },
    { operation: "billing.meters.update", sends: { display_name: "Other" }, run: async (sends) => stripe.billing.meters.update((await made()).id, sends) },
    { operation: "billing.meters.deactivate", sends: {}, run: async () => stripe.billing.meters.deactivate((await made()).id), right: (gone: Sends) => (gone.status === "inactive" ? undefined : `it is ${gone.status}`) },
    event({ payload }), event({ payload, identifier: unique("event") }), event({ payload, timestamp: now - DAY }), event({ payload: { ...payload, value: "0.5" } }),
    {
      operation: "billing.meters.listEventSummaries", sends: {}, right: (list: { data: Sends[] }) => (list.data[0]?.aggregated_value === 3 ? undefined : "not three"),
      run: async () => {
        const meter = await made();
        await stripe.billing.meterEvents.create({ event_name: meter.event_name, payload });
        const minute = now - (now % 60);
        return stripe.billing.meters.listEventSummaries(meter.id, { customer, start_time: minute - 3_600, end_time: minute + 3_600 });
      },
    },
  ];
}

function coupons({ stripe, customer, product, now }: World): Case[] {
  const made = (more: Sends = {}) => stripe.coupons.create({ percent_off: 50, duration: "once", ...more } as Stripe.CouponCreateParams);
  const read = (one: Sends) => stripe.coupons.retrieve(one.id as string, { expand: ["applies_to"] });
  const code = (more: Sends): Case => ({
    operation: "promotionCodes.create", sends: more, read: (one: Sends) => stripe.promotionCodes.retrieve(one.id as string),
    run: async (sends: Sends) => stripe.promotionCodes.create({ promotion: { type: "coupon", coupon: (await made()).id }, ...sends } as Stripe.PromotionCodeCreateParams),
  });
  const madeCode = async () => stripe.promotionCodes.create({ promotion: { type: "coupon", coupon: (await made()).id } });
  return [
    ...each("coupons.create", [
      { percent_off: 50, duration: "once" }, { amount_off: 500, currency: "eur", duration: "forever" }, { percent_off: 12.5, duration: "repeating", duration_in_months: 3 },
      { percent_off: 10, id: unique("spring") }, { percent_off: 10, name: "Spring" }, { percent_off: 10, metadata: { a: "b" } }, { percent_off: 10, max_redemptions: 3 }, { percent_off: 10, redeem_by: now + DAY },
      { percent_off: 10, applies_to: { products: [product] } }, { amount_off: 500, currency: "eur", currency_options: { usd: { amount_off: 600 } } },
    ], { run: (sends: Sends) => stripe.coupons.create(sends), read }),
    { operation: "coupons.update", sends: { name: "Other", metadata: { a: "b" } }, run: async (sends: Sends) => stripe.coupons.update((await made()).id, sends), read },
    { operation: "coupons.del", sends: {}, run: async () => stripe.coupons.del((await made()).id), right: (gone: Sends) => (gone.deleted ? undefined : "it is not deleted") },
    { operation: "coupons.list", sends: { limit: 2 }, run: async (sends) => { await made(); await made(); return stripe.coupons.list(sends); }, right: (list: { data: Sends[] }) => (list.data.length === 2 ? undefined : "not two") },
    code({}), code({ code: unique("SPRING") }), code({ customer }), code({ expires_at: now + DAY }), code({ max_redemptions: 2 }), code({ active: false }), code({ metadata: { a: "b" } }),
    code({ restrictions: { first_time_transaction: true } }), code({ restrictions: { minimum_amount: 500, minimum_amount_currency: "eur" } }), code({ restrictions: { currency_options: { usd: { minimum_amount: 600 } } } }),
    { operation: "promotionCodes.update", sends: { active: false, metadata: { a: "b" } }, run: async (sends) => stripe.promotionCodes.update((await madeCode()).id, sends) },
    { operation: "promotionCodes.list", sends: { active: true }, run: async (sends) => { await madeCode(); return stripe.promotionCodes.list(sends); }, right: (list: { data: Sends[] }) => (list.data.length ? all(list, (row) => row.active === true, "active") : "nothing") },
    { operation: "promotionCodes.list", sends: { code: "NOBODY" }, run: (sends) => stripe.promotionCodes.list(sends), right: (list: { data: Sends[] }) => (list.data.length === 0 ? undefined : "some") },
  ];
}

function schedules(world: World): Case[] {
  const { stripe, customer, starter, growth, now } = world;
  const phase = { items: [{ price: starter, quantity: 1 }], duration: { interval: "month" as const, interval_count: 2 } };
  const made = async () => stripe.subscriptionSchedules.create({ from_subscription: (await world.subscription()).id });
  const read = (one: Sends) => stripe.subscriptionSchedules.retrieve(one.id as string);
  const one = (more: Sends, right?: (made: Stripe.SubscriptionSchedule) => string | undefined): Case => ({
    operation: "subscriptionSchedules.create", sends: more, read, right: right as Case["right"],
    run: (sends: Sends) => stripe.subscriptionSchedules.create({ customer, start_date: "now", phases: [phase], ...sends } as Stripe.SubscriptionScheduleCreateParams),
  });
  const is = (status: string) => (made: Stripe.SubscriptionSchedule) => (made.status === status ? undefined : `it is ${made.status}`);
  const phases = (of: Stripe.SubscriptionSchedule) => [
    { items: [{ price: starter }], start_date: of.phases[0].start_date, end_date: of.phases[0].end_date }, { items: [{ price: growth, quantity: 2 }], duration: { interval: "year" as const } },
  ];
  return [
    one({}, is("active")), one({ start_date: now + DAY }, is("not_started")), one({ end_behavior: "cancel" }), one({ metadata: { a: "b" } }), one({ billing_mode: { type: "classic" } }), one({ start_date: now - 90 * DAY }),
    one({ phases: [phase, { ...phase, items: [{ price: growth }] }] }, (made) => (made.phases.length === 2 && made.phases[1].start_date === made.phases[0].end_date ? undefined : "not two phases")),
    one({ phases: [{ ...phase, proration_behavior: "none" }] }, (made) => (made.phases[0].proration_behavior === "none" ? undefined : "another behavior")), one({ phases: [{ ...phase, trial: true }] }), one({ default_settings: { billing_cycle_anchor: "phase_start" } }),
    { operation: "subscriptionSchedules.create", sends: { from_subscription: "…" }, run: async () => made(), read, right: is("active") as Case["right"] },
    {
      operation: "subscriptionSchedules.update", sends: { phases: "…" }, read, right: (now: Stripe.SubscriptionSchedule) => (now.phases[1]?.items[0].price === growth ? undefined : "no second phase"),
      run: async () => { const of = await made(); return stripe.subscriptionSchedules.update(of.id, { phases: phases(of) }); },
    },
    { operation: "subscriptionSchedules.update", sends: { end_behavior: "cancel", metadata: { a: "b" } }, run: async (sends: Sends) => stripe.subscriptionSchedules.update((await made()).id, sends), read },
    { operation: "subscriptionSchedules.release", sends: {}, run: async () => stripe.subscriptionSchedules.release((await made()).id), read, right: is("released") as Case["right"] },
    { operation: "subscriptionSchedules.cancel", sends: { invoice_now: false, prorate: false }, run: async (sends: Sends) => stripe.subscriptionSchedules.cancel((await made()).id, sends), read, right: is("canceled") as Case["right"] },
    { operation: "subscriptionSchedules.list", sends: { customer }, run: async (sends) => { await made(); return stripe.subscriptionSchedules.list(sends); }, right: (list: { data: Sends[] }) => (list.data.length ? all(list, (row) => row.customer === customer, "theirs") : "nothing") },
    { operation: "subscriptionSchedules.list", sends: { scheduled: true }, run: (sends) => stripe.subscriptionSchedules.list(sends), right: (list: { data: Sends[] }) => all(list, (row) => row.status === "not_started", "waiting") },
  ];
}

/** Decimals come back as objects of the library. */
function pricedAs(made: Stripe.Price): string | undefined {
  return made.unit_amount_decimal !== null && Number(made.unit_amount_decimal) > 0 && (made.unit_amount === null || made.unit_amount === Number(made.unit_amount_decimal)) ? undefined : "another amount";
}

function catalogue({ stripe, starter, growth, product }: World): Case[] {
  const recurring = { interval: "month" };
  const base = { currency: "eur", product };
  const first = (list: { data: Sends[] }) => (list.data.length > 0 ? undefined : "nothing");
  return [
    ...each("products.create", [{ name: "Plan" }, { name: "Plan", description: "A plan" }, { name: "Plan", metadata: { limit_videos: "1" } }], { run: (sends) => stripe.products.create(sends), read: (made: Sends) => stripe.products.retrieve(made.id as string) }),
    ...each("products.create", [{ name: "Plan", unit_label: "seat" }, { name: "Plan", images: ["https://example.com/a.png"] }, { name: "Plan", default_price_data: { currency: "eur", unit_amount: 100 } }, { name: "Plan", tax_code: "txcd_1" }], { run: (sends) => stripe.products.create(sends) }),
    { operation: "products.list", sends: { active: true }, run: (sends) => stripe.products.list(sends), right: (list: { data: Sends[] }) => all(list, (row) => row.active === true, "active") },
    { operation: "products.list", sends: { limit: 1 }, run: (sends) => stripe.products.list(sends), right: first },
    { operation: "products.search", sends: { query: "active:'true'" }, run: (sends) => stripe.products.search(sends) },
    { operation: "products.retrieve", sends: {}, run: async () => stripe.products.retrieve((await stripe.products.list({ limit: 1 })).data[0].id) },
    ...each("products.update", [{ name: "Other" }, { active: false }, { description: "A note" }], { run: async (sends: Sends) => stripe.products.update((await stripe.products.create({ name: "Plan" })).id, sends), read: (made: Sends) => stripe.products.retrieve(made.id as string) }),
    ...each(
      "prices.create",
      [
        { ...base, unit_amount: 100, recurring }, { ...base, unit_amount_decimal: "0.5", recurring }, { ...base, unit_amount: 100 },
        { ...base, recurring: { interval: "month", usage_type: "metered" }, unit_amount: 1 },
        { ...base, transform_quantity: { divide_by: 10, round: "up" }, unit_amount: 100, recurring },
        { ...base, unit_amount: 100, recurring: { interval: "week", interval_count: 2 } }, { ...base, unit_amount: 100, recurring: { interval: "month", trial_period_days: 7 } },
        { ...base, unit_amount: 100, recurring, nickname: "One", metadata: { a: "b" }, active: false, tax_behavior: "exclusive" }, { ...base, unit_amount: 100, recurring, lookup_key: unique("key") },
        { ...base, unit_amount: 100, recurring, currency_options: { usd: { unit_amount: 110 } } }, { ...base, custom_unit_amount: { enabled: true } }, { ...base, currency: "jpy", unit_amount: 100, recurring },
      ],
      { run: (sends) => stripe.prices.create(sends), read: (made: Sends) => stripe.prices.retrieve(made.id as string), right: pricedAs },
    ),
    ...["graduated", "volume"].map((tiers_mode) => ({
      operation: "prices.create", sends: { billing_scheme: "tiered", tiers_mode, tiers: [{ up_to: 5, unit_amount: 1000 }, { up_to: "inf", flat_amount: 500, unit_amount_decimal: "0.5" }] },
      run: (sends: Sends) => stripe.prices.create({ ...base, recurring, ...sends } as Stripe.PriceCreateParams), read: (made: Sends) => stripe.prices.retrieve(made.id as string, { expand: ["tiers"] }),
      right: (made: Stripe.Price) => {
        const [first, last] = made.tiers ?? [];
        return made.tiers_mode === tiers_mode && first?.up_to === 5 && first.unit_amount === 1000 && last?.up_to === null && last.flat_amount === 500 && String(last.unit_amount_decimal) === "0.5" ? undefined : "other tiers";
      },
    })),
    {
      operation: "prices.create", sends: { recurring: { interval: "month", usage_type: "metered", meter: "…" } }, read: (made: Sends) => stripe.prices.retrieve(made.id as string), right: (made: Stripe.Price) => (made.recurring?.usage_type === "metered" && made.recurring.meter ? undefined : "not metered"),
      run: async () => {
        const meter = await stripe.billing.meters.create({ display_name: "Calls", event_name: unique("calls"), default_aggregation: { formula: "sum" } });
        return stripe.prices.create({ ...base, unit_amount_decimal: "0.1", recurring: { interval: "month", usage_type: "metered", meter: meter.id } } as unknown as Stripe.PriceCreateParams);
      },
    },
    { operation: "prices.retrieve", sends: {}, run: () => stripe.prices.retrieve(starter) },
    ...each("prices.update", [{ nickname: "New" }, { metadata: { a: "b" } }, { lookup_key: unique("key") }, { active: false }, { currency_options: { usd: { unit_amount: 110 } } }], {
      run: async (sends: Sends) => stripe.prices.update((await stripe.prices.create({ ...base, unit_amount: 100, recurring: { interval: "month" } })).id, sends), read: (made: Sends) => stripe.prices.retrieve(made.id as string),
    }),
    { operation: "prices.list", sends: { active: true }, run: (sends) => stripe.prices.list(sends), right: (list: { data: Sends[] }) => all(list, (row) => row.active === true, "active") },
    { operation: "prices.list", sends: { lookup_keys: ["starter_monthly_eur"] }, run: (sends) => stripe.prices.list(sends), right: (list: { data: Sends[] }) => all(list, (row) => row.lookup_key === "starter_monthly_eur", "of that key") },
    { operation: "prices.list", sends: { type: "one_time" }, run: (sends) => stripe.prices.list(sends), right: (list: { data: Sends[] }) => all(list, (row) => row.type === "one_time", "one-time") },
    { operation: "prices.list", sends: { currency: "eur" }, run: (sends) => stripe.prices.list(sends), right: (list: { data: Sends[] }) => all(list, (row) => row.currency === "eur", "in euros") },
    { operation: "prices.list", sends: { recurring: { interval: "year" } }, run: (sends) => stripe.prices.list(sends), right: (list: { data: Sends[] }) => all(list, (row) => (row.recurring as Sends).interval === "year", "yearly") },
    { operation: "prices.search", sends: { query: "active:'true'" }, run: (sends) => stripe.prices.search(sends) },
    { operation: "products.del", sends: { id: "used" }, run: async () => stripe.products.del((await stripe.prices.retrieve(starter)).product as string) },
    { operation: "products.del", sends: {}, run: async () => stripe.products.del((await stripe.products.create({ name: "Unused" })).id), right: (gone: Stripe.DeletedProduct) => (gone.deleted ? undefined : "it is not deleted") },
    { operation: "plans.del", sends: {}, run: () => stripe.plans.del("price_sandbox_partner"), right: (gone: Stripe.DeletedPlan) => (gone.deleted ? undefined : "it is not deleted") },
    ...["taxRates", "plans", "shippingRates"].map((name) => ({
      operation: `${name}.list`, sends: {}, run: () => (stripe as unknown as Record<string, { list(): Promise<unknown> }>)[name].list(),
    })),
  ];
}

function newSubscriptions({ stripe, customer, card, starter, now }: World): Case[] {
  const plain = { customer, items: [{ price: starter }] };
  const one = (more: Sends, right?: (made: Stripe.Subscription) => string | undefined): Case => ({
    operation: "subscriptions.create",
    sends: more,
    run: (sends: Sends) => stripe.subscriptions.create({ ...plain, ...sends } as Stripe.SubscriptionCreateParams),
    read: (made: Stripe.Subscription) => stripe.subscriptions.retrieve(made.id, { expand: ["latest_invoice"] }),
    right: right as Case["right"],
  });
  const is = (status: string) => (made: Stripe.Subscription) => (made.status === status ? undefined : `it is ${made.status}`);
  const paid = (made: Stripe.Subscription) => (made.latest_invoice as Stripe.Invoice).amount_paid;
  return [
    one({}, is("active")),
    one({ metadata: { a: "b" } }), one({ description: "A note" }), one({ default_payment_method: card }),
    one({ trial_period_days: 7 }, (made) => (made.status === "trialing" && Math.abs(Number(made.trial_end) - now - 7 * DAY) < 60 ? undefined : "no trial of seven days")),
    one({ trial_end: now + 9 * DAY }), one({ trial_end: "now" }, is("active")),
    one({ payment_behavior: "allow_incomplete" }, is("active")), one({ payment_behavior: "error_if_incomplete" }, is("active")),
    one({ payment_behavior: "default_incomplete" }, (made) => (made.status === "incomplete" && paid(made) === 0 ? undefined : "it was charged")),
    one({ payment_behavior: "pending_if_incomplete" }),
    one({ collection_method: "send_invoice", days_until_due: 30 }), one({ collection_method: "charge_automatically" }),
    one({ cancel_at: now + 40 * DAY }), one({ cancel_at_period_end: true }), one({ off_session: true }, is("active")),
    one({ items: [{ price: starter, quantity: 3 }] }, (made) => (made.items.data[0].quantity === 3 ? undefined : "not three")),
    one({ items: [{ price: starter, metadata: { a: "b" } }] }), one({ items: [{ price: starter, tax_rates: ["txr_1"] }] }),
    one({ items: [{ price_data: { currency: "eur", product: "prod_1", unit_amount: 1, recurring: { interval: "month" } } }] }),
    one({ add_invoice_items: [{ price: starter }] }), one({ application_fee_percent: 1 }), one({ automatic_tax: { enabled: true } }), one({ backdate_start_date: now - DAY }),
    one({ billing_cycle_anchor: now + DAY }), one({ billing_cycle_anchor_config: { day_of_month: 1 } }), one({ billing_mode: { type: "flexible" } }), one({ billing_mode: { type: "classic" } }), one({ billing_mode: { type: "flexible", flexible: { proration_discounts: "itemized" } } }), one({ billing_thresholds: { amount_gte: 1000 } }),
    one({ currency: "eur" }), one({ default_source: "card_1" }), one({ default_tax_rates: ["txr_1"] }), one({ discounts: [{ coupon: "half" }] }, (made) => (made.discounts.length === 1 && (made.latest_invoice as Stripe.Invoice).total_discount_amounts?.[0]?.amount ? undefined : "no discount")), one({ discounts: [{ coupon: "nobody" }] }),
    one({ items: [{ price: starter, discounts: [{ coupon: "half" }] }] }),
    one({ invoice_settings: { account_tax_ids: ["txi_1"] } }), one({ on_behalf_of: "acct_1" }), one({ payment_settings: { save_default_payment_method: "on_subscription" } }),
    one({ pending_invoice_item_interval: { interval: "month" } }), one({ proration_behavior: "none" }), one({ transfer_data: { destination: "acct_1" } }),
    one({ trial_settings: { end_behavior: { missing_payment_method: "cancel" } } }),
  ];
}

function changedSubscriptions(world: World): Case[] {
  const { stripe, customer, card, starter, growth, now } = world;
  const one = (more: Sends, right?: (made: Stripe.Subscription) => string | undefined): Case => ({
    operation: "subscriptions.update",
    sends: more,
    run: async (sends: Sends) => stripe.subscriptions.update((await world.subscription()).id, sends as Stripe.SubscriptionUpdateParams),
    read: (made: Stripe.Subscription) => stripe.subscriptions.retrieve(made.id),
    right: right as Case["right"],
  });
  const items = (sends: (first: string) => Sends, right: (made: Stripe.Subscription) => string | undefined, more: Sends = {}): Case => ({
    operation: "subscriptions.update",
    sends: { items: "…", ...more },
    run: async () => {
      const before = await world.subscription();
      const { items: list, ...rest } = sends(before.items.data[0].id);
      return stripe.subscriptions.update(before.id, { items: list, ...rest, ...more } as Stripe.SubscriptionUpdateParams);
    },
    read: (made: Stripe.Subscription) => stripe.subscriptions.retrieve(made.id, { expand: ["latest_invoice"] }),
    right: right as Case["right"],
  });
  const moved = (made: Stripe.Subscription) => (made.items.data[0].price.id === growth ? undefined : "another price");
  const reason = (made: Stripe.Subscription) => (made.latest_invoice as Stripe.Invoice).billing_reason;
  const cancel = (sends: Sends): Case => ({
    operation: "subscriptions.cancel", sends, run: async (asked: Sends) => stripe.subscriptions.cancel((await world.subscription()).id, asked as Stripe.SubscriptionCancelParams),
    right: (gone: Stripe.Subscription) => (gone.status === "canceled" ? undefined : `it is ${gone.status}`),
  });
  const list = (sends: Sends, fits: (row: Sends) => boolean, what: string): Case => ({
    operation: "subscriptions.list", sends, run: (asked) => stripe.subscriptions.list(asked), right: (found: { data: Sends[] }) => all(found, fits, what),
  });
  return [
    one({ metadata: { a: "b" } }), one({ description: "A note" }), one({ default_payment_method: card }), one({ cancel_at: now + 10 * DAY }),
    one({ cancel_at_period_end: true }), one({ cancel_at_period_end: false }), one({ cancellation_details: { comment: "Bye", feedback: "unused" } }),
    one({ pause_collection: { behavior: "void" } }), one({ pause_collection: { behavior: "keep_as_draft" } }), one({ pause_collection: { behavior: "mark_uncollectible", resumes_at: now + 5 * DAY } }),
    one({ collection_method: "send_invoice", days_until_due: 14 }), one({ days_until_due: 14 }), one({ trial_end: now + 5 * DAY }), one({ off_session: true }, () => undefined),
    one({ payment_behavior: "allow_incomplete" }, () => undefined), one({ payment_behavior: "pending_if_incomplete" }, () => undefined), one({ payment_behavior: "default_incomplete" }, () => undefined),
    one({ discounts: [{ coupon: "half" }] }, (made) => (made.discounts.length === 1 ? undefined : "no discount")), one({ billing_cycle_anchor: "now" }), one({ automatic_tax: { enabled: true } }), one({ add_invoice_items: [{ price: starter }] }),
    one({ trial_settings: { end_behavior: { missing_payment_method: "cancel" } } }), one({ default_tax_rates: ["txr_1"] }), one({ payment_settings: { payment_method_types: ["card"] } }),
    one({ invoice_settings: { issuer: { type: "self" } } }), one({ default_source: "card_1" }), one({ transfer_data: { destination: "acct_1" } }), one({ billing_thresholds: { amount_gte: 1000 } }),
    items((id) => ({ items: [{ id, price: growth }] }), moved),
    items((id) => ({ items: [{ id, price: growth }] }), (made) => moved(made) ?? (reason(made) === "subscription_update" ? undefined : "no invoice at once"), { proration_behavior: "always_invoice" }),
    items((id) => ({ items: [{ id, price: growth }] }), (made) => moved(made) ?? (reason(made) === "subscription_create" ? undefined : "an invoice"), { proration_behavior: "none" }),
    items((id) => ({ items: [{ id, price: growth }] }), moved, { proration_date: now + 60 }),
    items((id) => ({ items: [{ id, quantity: 5 }] }), (made) => (made.items.data[0].quantity === 5 ? undefined : "not five")),
    items(() => ({ items: [{ price: growth }] }), (made) => (made.items.data.length === 2 ? undefined : "not two items")),
    items((id) => ({ items: [{ id, deleted: true }, { price: growth }] }), (made) => (made.items.data.length === 1 ? moved(made) : "not one item")),
    cancel({}), cancel({ invoice_now: true, prorate: true }), cancel({ cancellation_details: { comment: "Bye" } }),
    { operation: "subscriptions.retrieve", sends: { expand: ["latest_invoice"] }, run: async (sends) => stripe.subscriptions.retrieve((await world.subscription()).id, sends), right: (made: Stripe.Subscription) => (typeof made.latest_invoice === "object" ? undefined : "it is not expanded") },
    list({ customer }, (row) => row.customer === customer, "theirs"), list({ status: "canceled" }, (row) => row.status === "canceled", "canceled"),
    list({ price: starter }, (row) => JSON.stringify(row.items).includes(starter), "of that price"), list({ collection_method: "send_invoice" }, (row) => row.collection_method === "send_invoice", "sent"),
    list({ created: { gte: now - DAY } }, (row) => Number(row.created) >= now - DAY, "of the last day"), list({ current_period_end: { gte: now } }, () => true, "running"),
    { operation: "subscriptions.search", sends: { query: "status:'active'" }, run: (sends) => stripe.subscriptions.search(sends) },
    { operation: "subscriptions.resume", sends: { id: "one that runs" }, run: async () => stripe.subscriptions.resume((await world.subscription()).id) },
    { operation: "subscriptions.deleteDiscount", sends: {}, run: async () => { const of = await world.subscription(); await stripe.subscriptions.update(of.id, { discounts: [{ coupon: "half" }] }); return stripe.subscriptions.deleteDiscount(of.id); }, right: (gone: Stripe.DeletedDiscount) => (gone.deleted ? undefined : "it is not deleted") },
    { operation: "subscriptions.migrate", sends: { billing_mode: { type: "flexible" } }, run: async (sends: Sends) => stripe.subscriptions.migrate((await stripe.subscriptions.create({ customer, items: [{ price: starter }], billing_mode: { type: "classic" } })).id, sends as unknown as Stripe.SubscriptionMigrateParams) },
    { operation: "subscriptionItems.list", sends: {}, run: async () => stripe.subscriptionItems.list({ subscription: (await world.subscription()).id }) },
    { operation: "subscriptionItems.create", sends: { price: growth }, run: async (sends: Sends) => stripe.subscriptionItems.create({ subscription: (await world.subscription()).id, ...sends }), right: (made: Stripe.SubscriptionItem) => (made.price.id === growth ? undefined : "another price") },
    { operation: "subscriptionItems.create", sends: { metadata: { a: "b" } }, run: async (sends: Sends) => stripe.subscriptionItems.create({ subscription: (await world.subscription()).id, price: growth, ...sends }) },
    { operation: "subscriptionItems.retrieve", sends: {}, run: async () => stripe.subscriptionItems.retrieve((await world.subscription()).items.data[0].id) },
    { operation: "subscriptionItems.update", sends: { quantity: 2 }, run: async (sends: Sends) => stripe.subscriptionItems.update((await world.subscription()).items.data[0].id, sends) },
    { operation: "subscriptionItems.del", sends: {}, run: async () => stripe.subscriptionItems.del((await stripe.subscriptionItems.create({ subscription: (await world.subscription()).id, price: growth })).id), right: (gone: Stripe.DeletedSubscriptionItem) => (gone.deleted ? undefined : "it is not deleted") },
  ];
}

function invoices(world: World): Case[] {
  const { stripe, customer, starter, growth, product, now } = world;
  const open = async () => {
    const made = await stripe.subscriptions.create({ customer, items: [{ price: starter }], collection_method: "send_invoice", days_until_due: 30 });
    return made.latest_invoice as string;
  };
  const list = (sends: Sends, fits: (row: Sends) => boolean, what: string): Case => ({
    operation: "invoices.list", sends, run: (asked) => stripe.invoices.list(asked), right: (found: { data: Sends[] }) => all(found, fits, what),
  });
  const preview = (details: Sends, right: (made: Stripe.Invoice) => string | undefined): Case => ({
    operation: "invoices.createPreview", sends: { subscription_details: details },
    run: async (sends: Sends) => {
      const before = await world.subscription();
      const withItem = "items" in details ? { ...details, items: [{ id: before.items.data[0].id, price: growth }] } : details;
      return stripe.invoices.createPreview({ ...sends, subscription: before.id, subscription_details: withItem } as Stripe.InvoiceCreatePreviewParams);
    },
    right: right as Case["right"],
  });
  const is = (status: string) => (made: Stripe.Invoice) => (made.status === status ? undefined : `it is ${made.status}`);
  const drawn = (made: Stripe.Invoice) => (made.lines.data.length > 0 ? undefined : "no lines");
  return [
    { operation: "invoices.retrieve", sends: {}, run: async () => stripe.invoices.retrieve(await open()) },
    list({ customer }, (row) => row.customer === customer, "theirs"), list({ status: "paid" }, (row) => row.status === "paid", "paid"),
    list({ collection_method: "send_invoice" }, (row) => row.collection_method === "send_invoice", "sent"), list({ created: { gte: now - DAY } }, (row) => Number(row.created) >= now - DAY, "of the last day"),
    list({ due_date: { gte: now } }, (row) => Number(row.due_date) >= now, "due"),
    { operation: "invoices.listLineItems", sends: { limit: 1 }, run: async (sends) => stripe.invoices.listLineItems(await open(), sends), right: (lines: { data: Sends[] }) => (lines.data.length === 1 ? undefined : "not one") },
    {
      operation: "invoices.listLineItems", sends: { limit: 5, starting_after: "…" }, right: (lines: Sends[]) => (lines.length === 12 ? undefined : `${lines.length} lines`),
      run: async () => {
        const prices = await Promise.all(Array.from({ length: 12 }, (_, at) => stripe.prices.create({ currency: "eur", product, unit_amount: 100 + at, recurring: { interval: "month" } })));
        const made = await stripe.subscriptions.create({ customer, items: prices.map(({ id }) => ({ price: id })), expand: ["latest_invoice"] });
        const invoice = made.latest_invoice as Stripe.Invoice;
        if (!invoice.lines.has_more || invoice.lines.data.length !== 10) throw new Error("the invoice shows other than its first ten lines");
        return stripe.invoices.listLineItems(invoice.id as string, { limit: 5 }).autoPagingToArray({ limit: 100 });
      },
    },
    preview({ items: [] }, drawn), preview({ items: [], proration_behavior: "always_invoice" }, drawn), preview({ items: [], proration_date: now + 60 }, drawn),
    preview({ cancel_now: true }, () => undefined), preview({ trial_end: now + DAY }, drawn), preview({ billing_cycle_anchor: "now" }, drawn),
    { operation: "invoices.createPreview", sends: { customer, discounts: [{ coupon: "half" }] }, run: (sends) => stripe.invoices.createPreview(sends), right: (made: Stripe.Invoice) => (made.total_discount_amounts?.length ? undefined : "no discount") },
    ...each("invoices.create", [{ description: "A note" }, { metadata: { a: "b" } }, { collection_method: "send_invoice", days_until_due: 14 }, { auto_advance: true }, { footer: "Thanks" }], {
      // The days become a date.
      run: async (sends: Sends) => ({ ...(await stripe.invoices.create({ customer, ...sends } as Stripe.InvoiceCreateParams)), days_until_due: 14 }),
    }),
    { operation: "invoices.del", sends: {}, run: async () => stripe.invoices.del((await stripe.invoices.create({ customer })).id as string), right: (gone: Stripe.DeletedInvoice) => (gone.deleted ? undefined : "it is not deleted") },
    { operation: "invoices.update", sends: { description: "A note" }, run: async (sends) => stripe.invoices.update(await open(), sends) },
    { operation: "invoices.finalizeInvoice", sends: { auto_advance: false }, run: async (sends) => stripe.invoices.finalizeInvoice((await stripe.invoices.create({ customer })).id as string, sends), right: (made: Stripe.Invoice) => (made.status === "paid" ? undefined : `it is ${made.status}`) },
    { operation: "invoices.sendInvoice", sends: {}, run: async () => stripe.invoices.sendInvoice(await open()) },
    { operation: "invoices.pay", sends: {}, run: async () => stripe.invoices.pay(await open()), right: is("paid") as Case["right"] },
    { operation: "invoices.pay", sends: { paid_out_of_band: true }, run: async (sends) => stripe.invoices.pay(await open(), sends) },
    { operation: "invoices.voidInvoice", sends: {}, run: async () => stripe.invoices.voidInvoice(await open()), right: is("void") as Case["right"] },
    { operation: "invoices.markUncollectible", sends: {}, run: async () => stripe.invoices.markUncollectible(await open()), right: is("uncollectible") as Case["right"] },
    { operation: "invoices.search", sends: { query: "status:'paid'" }, run: (sends) => stripe.invoices.search(sends) },
    { operation: "invoiceItems.create", sends: { customer, amount: 100, currency: "eur" }, run: (sends) => stripe.invoiceItems.create(sends) },
    { operation: "invoicePayments.list", sends: { limit: 1 }, run: (sends) => stripe.invoicePayments.list(sends), right: (list: { data: Sends[] }) => (list.data.length === 1 ? undefined : "not one") },
    { operation: "creditNotes.list", sends: {}, run: () => stripe.creditNotes.list() },
    { operation: "quotes.list", sends: {}, run: () => stripe.quotes.list() },
  ];
}

function payments(world: World): Case[] {
  const { stripe, customer, card, starter, now } = world;
  const urls = { success_url: "https://example.com/done", cancel_url: "https://example.com/" };
  const session = (more: Sends): Case => ({
    operation: "checkout.sessions.create", sends: more,
    run: (sends: Sends) => stripe.checkout.sessions.create({ mode: "subscription", customer, line_items: [{ price: starter, quantity: 1 }], ...urls, ...sends } as Stripe.Checkout.SessionCreateParams),
    right: "subscription_data" in more || "line_items" in more ? () => undefined : undefined,
  });
  const made = () => stripe.checkout.sessions.create({ mode: "setup", customer, ...urls });
  const portal = (more: Sends, right?: (made: Stripe.BillingPortal.Session) => string | undefined): Case => ({
    operation: "billingPortal.sessions.create", sends: more, right: right as Case["right"],
    run: (sends: Sends) => stripe.billingPortal.sessions.create({ customer, ...sends }),
  });
  return [
    session({}), session({ metadata: { a: "b" } }), session({ client_reference_id: "ref" }), session({ expires_at: now + 3_600 }), session({ subscription_data: { trial_period_days: 7 } }),
    session({ subscription_data: { metadata: { a: "b" } } }), session({ subscription_data: { trial_settings: { end_behavior: { missing_payment_method: "cancel" } } } }),
    session({ line_items: [{ price: starter, quantity: 2 }] }), session({ line_items: [{ price: starter, quantity: 1, adjustable_quantity: { enabled: true } }] }),
    session({ allow_promotion_codes: true }), session({ locale: "de" }), session({ automatic_tax: { enabled: true } }), session({ customer_update: { address: "auto" } }), session({ mode: "payment" }),
    session({ payment_method_types: ["card"] }), session({ discounts: [{ coupon: "half" }] }), session({ ui_mode: "embedded_page" }), session({ billing_address_collection: "required" }),
    { operation: "checkout.sessions.retrieve", sends: {}, run: async () => stripe.checkout.sessions.retrieve((await made()).id) },
    { operation: "checkout.sessions.list", sends: { customer }, run: (sends) => stripe.checkout.sessions.list(sends), right: (list: { data: Sends[] }) => all(list, (row) => row.customer === customer, "theirs") },
    { operation: "checkout.sessions.listLineItems", sends: {}, run: async () => stripe.checkout.sessions.listLineItems((await made()).id) },
    { operation: "checkout.sessions.expire", sends: {}, run: async () => stripe.checkout.sessions.expire((await made()).id), right: (gone: Stripe.Checkout.Session) => (gone.status === "expired" ? undefined : `it is ${gone.status}`) },
    portal({}), portal({ return_url: "https://example.com/" }), portal({ flow_data: { type: "payment_method_update" } }, (made) => (made.flow?.type === "payment_method_update" ? undefined : "no flow")), portal({ locale: "de" }), portal({ configuration: "bpc_1" }),
    { operation: "paymentMethods.retrieve", sends: {}, run: () => stripe.paymentMethods.retrieve(card) },
    { operation: "paymentMethods.list", sends: { customer, type: "card" }, run: (sends) => stripe.paymentMethods.list(sends), right: (list: { data: Sends[] }) => all(list, (row) => row.customer === customer, "theirs") },
    { operation: "paymentMethods.create", sends: { type: "card", card: { token: "tok_visa" } }, run: (sends) => stripe.paymentMethods.create(sends) },
    { operation: "paymentMethods.update", sends: { metadata: { a: "b" } }, run: (sends) => stripe.paymentMethods.update(card, sends) },
    { operation: "paymentMethods.attach", sends: { customer: "cus_nobody" }, run: (sends) => stripe.paymentMethods.attach(card, sends) },
    { operation: "paymentIntents.list", sends: { customer }, run: (sends) => stripe.paymentIntents.list(sends), right: (list: { data: Sends[] }) => all(list, (row) => row.customer === customer, "theirs") },
    { operation: "paymentIntents.retrieve", sends: {}, run: async () => stripe.paymentIntents.retrieve((await stripe.paymentIntents.list({ limit: 1 })).data[0].id) },
    ...each("paymentIntents.create", [{}, { description: "A note" }, { metadata: { a: "b" } }, { capture_method: "manual" }, { customer, payment_method: card }, { setup_future_usage: "off_session" }, { automatic_payment_methods: { enabled: true } }], {
      run: (sends: Sends) => stripe.paymentIntents.create({ amount: 100, currency: "eur", ...sends } as Stripe.PaymentIntentCreateParams),
      read: (made: Stripe.PaymentIntent) => stripe.paymentIntents.retrieve(made.id),
    }),
    {
      operation: "paymentIntents.confirm", sends: { payment_method: card }, run: async (sends) => stripe.paymentIntents.confirm((await stripe.paymentIntents.create({ amount: 100, currency: "eur", customer })).id, sends),
      right: (made: Stripe.PaymentIntent) => (made.status === "succeeded" ? undefined : `it is ${made.status}`),
    },
    ...(["capture", "cancel"] as const).map((act) => ({
      operation: `paymentIntents.${act}`, sends: {},
      run: async () => stripe.paymentIntents[act]((await stripe.paymentIntents.create({ amount: 100, currency: "eur", customer, payment_method: card, confirm: true, capture_method: "manual" })).id),
      right: (made: Stripe.PaymentIntent) => (made.status === (act === "capture" ? "succeeded" : "canceled") ? undefined : `it is ${made.status}`),
    })),
    { operation: "setupIntents.list", sends: { limit: 1 }, run: (sends) => stripe.setupIntents.list(sends), right: () => undefined },
    { operation: "setupIntents.create", sends: { customer }, run: (sends) => stripe.setupIntents.create(sends) },
    ...["refunds", "charges", "disputes", "payouts", "balanceTransactions", "webhookEndpoints", "files", "topups"].map((name) => ({
      operation: `${name}.list`, sends: {}, run: () => (stripe as unknown as Record<string, { list(): Promise<unknown> }>)[name].list(),
    })),
    { operation: "refunds.create", sends: { payment_intent: "pi_1" }, run: (sends) => stripe.refunds.create(sends) },
    { operation: "testHelpers.testClocks.create", sends: { frozen_time: now }, run: (sends) => stripe.testHelpers.testClocks.create(sends) },
  ];
}

function account({ stripe, now }: World): Case[] {
  const list = (sends: Sends, fits: (row: Sends) => boolean, what: string): Case => ({
    operation: "events.list", sends, run: (asked) => stripe.events.list(asked), right: (found: { data: Sends[] }) => all(found, fits, what),
  });
  return [
    { operation: "accounts.retrieveCurrent", sends: {}, run: () => stripe.accounts.retrieveCurrent() },
    { operation: "accounts.list", sends: { limit: 1 }, run: (sends) => stripe.accounts.list(sends), right: (list: { data: Sends[]; has_more: boolean }) => (list.data.length === 1 && list.has_more ? undefined : "not one of two") },
    { operation: "accounts.retrieve", sends: {}, run: () => stripe.accounts.retrieve("acct_1SandboxHarbor00"), right: (one: Stripe.Account) => (one.id === "acct_1SandboxHarbor00" ? undefined : "another account") },
    { operation: "balance.retrieve", sends: {}, run: () => stripe.balance.retrieve() },
    { operation: "events.retrieve", sends: {}, run: async () => stripe.events.retrieve((await stripe.events.list({ limit: 1 })).data[0].id) },
    list({ type: "invoice.paid" }, (row) => row.type === "invoice.paid", "of that type"), list({ types: ["invoice.paid", "customer.created"] }, (row) => ["invoice.paid", "customer.created"].includes(String(row.type)), "of these types"),
    list({ created: { gte: now - DAY } }, (row) => Number(row.created) >= now - DAY, "of the last day"), list({ delivery_success: true }, () => true, "delivered"),
  ];
}

export function cases(world: World): Case[] {
  return [customers, catalogue, meters, coupons, newSubscriptions, changedSubscriptions, schedules, invoices, payments, account].flatMap((area) => area(world));
}
