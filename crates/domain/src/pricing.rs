//! What prices and subscriptions come to. Unknown is not zero: what cannot be told before it is used has no amount here.

use crate::{
    Money,
    billing::{Customer, Invoice, PaymentMethod, Price, Subscription, SubscriptionItem},
    money::Exact,
};

impl Price {
    /// The amount of one unit, or of one package.
    pub fn unit(&self) -> Option<Exact> {
        if self.tiers.is_some() || self.custom {
            return None;
        }
        self.unit_amount_decimal.as_deref().and_then(Exact::parse).or_else(|| self.unit_amount.map(Exact::of_minor))
    }

    /// What so many cost in one period, where that is known before.
    pub fn amount_of(&self, quantity: i64) -> Option<i64> {
        if self.metered {
            return None;
        }
        let billed = match &self.package {
            Some(package) if package.units > 0 && package.rounds_up => {
                quantity.div_euclid(package.units) + i64::from(quantity.rem_euclid(package.units) > 0)
            }
            Some(package) if package.units > 0 => quantity.div_euclid(package.units),
            _ => quantity,
        };
        self.unit()?.times(billed)
    }

    /// `29.00 EUR`, `usage-based, 0.0005 USD per unit`, `10.00 USD per 1,000 units`, `tiered`.
    pub fn amount_label(&self) -> String {
        let usage = if self.metered { "usage-based, " } else { "" };
        if let Some(mode) = &self.tiers {
            return format!("{usage}{mode} price");
        }
        if self.custom {
            return "custom".to_owned();
        }
        let Some(unit) = self.unit() else { return format!("{usage}amount unknown") };
        let unit = unit.label(&self.currency);
        match &self.package {
            Some(package) => {
                let units = crate::money::group_thousands(package.units.unsigned_abs());
                format!("{usage}{unit} per {units} units")
            }
            None if self.metered => format!("{usage}{unit} per unit"),
            None => unit,
        }
    }

    /// `per month`, `per 3 months`; none for one-off prices.
    pub fn period(&self) -> Option<String> {
        let interval = self.interval.as_deref()?;
        Some(period_label(interval, self.interval_count))
    }

    /// `29.00 EUR per month`, `290.00 EUR per 3 months`.
    pub fn label(&self) -> String {
        let amount = self.amount_label();
        self.period().map_or_else(|| amount.clone(), |period| format!("{amount} {period}"))
    }
}

fn period_label(interval: &str, count: i64) -> String {
    match count {
        0 | 1 => format!("per {interval}"),
        count => format!("per {count} {interval}s"),
    }
}

impl SubscriptionItem {
    /// What it comes to in one period of its own price, where that is known before.
    pub fn amount(&self) -> Option<i64> {
        if self.price.metered {
            return None;
        }
        self.price.amount_of(self.quantity.unwrap_or(1))
    }
}

/// What a subscription charges for one kind of period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    pub amount: i64,
    pub currency: String,
    pub interval: String,
    pub interval_count: i64,
}

impl Charge {
    pub fn money(&self) -> Money {
        Money::new(self.amount, self.currency.clone())
    }

    pub fn period(&self) -> String {
        period_label(&self.interval, self.interval_count)
    }
}

/// What a subscription charges: amounts of one interval and currency are added up, others never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Charges {
    pub fixed: Vec<Charge>,
    /// Something is billed by use.
    pub usage: bool,
    /// Something has an amount that is not known here: tiers, a custom amount.
    pub unknown: bool,
}

impl Charges {
    /// The one amount that it comes to, where there is exactly one and nothing beside it.
    pub fn single(&self) -> Option<&Charge> {
        match self.fixed.as_slice() {
            [only] if !self.usage && !self.unknown => Some(only),
            _ => None,
        }
    }

    /// `29.00 EUR per month`, `1,200.00 USD per year + 27.00 USD per month + usage`.
    pub fn label(&self) -> String {
        let mut parts: Vec<String> =
            self.fixed.iter().map(|charge| format!("{} {}", charge.money(), charge.period())).collect();
        if self.unknown {
            parts.push("an amount that depends on the quantity".to_owned());
        }
        if self.usage {
            parts.push(if parts.is_empty() { "usage-based" } else { "usage" }.to_owned());
        }
        if parts.is_empty() { "nothing".to_owned() } else { parts.join(" + ") }
    }
}

impl Subscription {
    pub fn charges(&self) -> Charges {
        let mut charges = Charges::default();
        for item in &self.items {
            let price = &item.price;
            let Some(amount) = item.amount() else {
                charges.usage |= price.metered;
                charges.unknown |= !price.metered;
                continue;
            };
            let interval = price.interval.clone().unwrap_or_default();
            let same = charges.fixed.iter_mut().find(|charge| {
                charge.currency == price.currency
                    && charge.interval == interval
                    && charge.interval_count == price.interval_count
            });
            match same {
                Some(charge) => charge.amount = charge.amount.saturating_add(amount),
                None => charges.fixed.push(Charge {
                    amount,
                    currency: price.currency.clone(),
                    interval,
                    interval_count: price.interval_count,
                }),
            }
        }
        charges.fixed.sort_by_key(|charge| std::cmp::Reverse(length(&charge.interval, charge.interval_count)));
        charges
    }

    /// Its items in the order of [`charges`](Self::charges): the longest period first, which is what people call their plan.
    pub fn items_by_period(&self) -> Vec<&SubscriptionItem> {
        let mut items: Vec<&SubscriptionItem> = self.items.iter().collect();
        items.sort_by_key(|item| {
            let interval = item.price.interval.as_deref().unwrap_or_default();
            std::cmp::Reverse(length(interval, item.price.interval_count))
        });
        items
    }

    /// The item that is the plan, where the items alone say which: the only one, or the only one that is not metered.
    pub fn plan_item(&self) -> Option<&SubscriptionItem> {
        if let [only] = self.items.as_slice() {
            return Some(only);
        }
        let mut fixed = self.items.iter().filter(|item| !item.price.metered);
        let first = fixed.next()?;
        fixed.next().is_none().then_some(first)
    }

    /// The item that a change to `price` replaces, where that is clear.
    pub fn item_for(&self, price: &Price) -> Option<&SubscriptionItem> {
        match self.items_for(price).as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The items that a change to `price` may replace: the plan, or else the fixed ones that are billed as often as it, or
    /// else all of them.
    pub fn items_for(&self, price: &Price) -> Vec<&SubscriptionItem> {
        if let Some(plan) = self.plan_item() {
            return vec![plan];
        }
        let fixed: Vec<_> = self.items.iter().filter(|item| !item.price.metered).collect();
        let as_often = |item: &&&SubscriptionItem| {
            item.price.interval == price.interval && item.price.interval_count == price.interval_count
        };
        let alike: Vec<_> = fixed.iter().filter(as_often).copied().collect();
        [alike, fixed].into_iter().find(|items| !items.is_empty()).unwrap_or_else(|| self.items.iter().collect())
    }

    /// What pays it, where it has something of its own.
    pub fn paid_with(&self) -> Option<&str> {
        self.default_payment_method.as_deref().or(self.default_source.as_deref())
    }

    pub fn has_price(&self, price: &str) -> bool {
        self.items.iter().any(|item| item.price.id == price)
    }

    /// Whether it gets this price as soon as the payment for it is made.
    pub fn awaits_price(&self, price: &str) -> bool {
        self.pending_update.as_ref().is_some_and(|update| update.prices.iter().any(|id| id == price))
    }

    /// It ends on a date that was set, which is not taken back by having it go on at the period's end.
    pub fn ends_on_a_date(&self) -> bool {
        self.cancel_at.is_some() && !self.cancel_at_period_end
    }

    /// How much it matters: one that runs goes before one that never began or is over.
    pub fn rank(&self) -> u8 {
        match self.status.as_str() {
            _ if self.ended_at.is_some() => 6,
            "active" => 0,
            "trialing" => 1,
            "past_due" => 2,
            "paused" => 3,
            "unpaid" => 4,
            "canceled" | "incomplete_expired" => 6,
            // A first payment that was not made yet, and words of later versions.
            _ => 5,
        }
    }

    /// Whether it is, or may come to be, in force: it is not over.
    pub fn is_running(&self) -> bool {
        self.rank() < 6
    }

    /// Whether it is over, or will be on a day that is set.
    pub fn is_ending(&self) -> bool {
        self.cancel_at_period_end || self.cancel_at.is_some() || !self.is_running()
    }

    /// Whether it is in force: it began and is not over.
    pub fn is_in_force(&self) -> bool {
        self.rank() < 5
    }
}

/// In days, near enough to compare.
fn length(interval: &str, count: i64) -> i64 {
    let days = match interval {
        "year" => 365,
        "month" => 30,
        "week" => 7,
        _ => 1,
    };
    count.max(1).saturating_mul(days)
}

/// One step from the lines of an invoice to what is still due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub label: &'static str,
    pub amount: i64,
    /// A sum of what stands above it.
    pub sum: bool,
}

impl Invoice {
    /// From the subtotal to what is due. Every sum is that of the steps above it: a difference that the provider does not
    /// explain is a step of its own.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut sum = 0_i64;
        let mut step = |steps: &mut Vec<Step>, label, amount: i64| {
            if amount != 0 {
                steps.push(Step { label, amount, sum: false });
                sum = sum.saturating_add(amount);
            }
            sum
        };
        step(&mut steps, "Subtotal", self.subtotal);
        step(&mut steps, "Discount", self.discount.saturating_neg());
        step(&mut steps, "Shipping", self.shipping);
        let so_far = step(&mut steps, "Tax", self.tax);
        step(&mut steps, "Other, not broken down by the provider", self.total.saturating_sub(so_far));
        if let [only] = steps.as_slice()
            && only.amount == self.total
        {
            steps.clear();
        }
        steps.push(Step { label: "Total", amount: self.total, sum: true });
        if self.tax_included != 0 {
            steps.push(Step { label: "of which tax", amount: self.tax_included, sum: true });
        }
        let before = steps.len();
        let so_far = step(&mut steps, "Credit notes", self.credit_notes.saturating_neg());
        // What the balance paid, or what was owed from before and is collected with it.
        let applied = match self.ending_balance {
            Some(ending) => self.starting_balance.saturating_sub(ending),
            None => self.amount_due.saturating_sub(so_far),
        };
        let label = if applied > 0 { "Owed from before" } else { "From the credit balance" };
        // A credit larger than the total stays credit: only what was used counts.
        let applied = if self.total < 0 { 0 } else { applied };
        let so_far = step(&mut steps, label, applied);
        if self.total < 0 {
            step(&mut steps, "Becomes credit", self.total.saturating_neg());
        } else {
            step(&mut steps, "Other, not broken down by the provider", self.amount_due.saturating_sub(so_far));
        }
        if steps.len() > before {
            steps.push(Step { label: "Amount due", amount: self.amount_due, sum: true });
        }
        steps
    }

    /// What the lines come to that the subtotal does not say, where it differs: lines that were not read.
    pub fn missing_lines(&self) -> i64 {
        let lines = self.lines.iter().fold(0_i64, |sum, line| sum.saturating_add(line.amount));
        self.subtotal.saturating_sub(lines)
    }
}

impl Customer {
    /// What pays subscriptions that have nothing of their own.
    pub fn paid_with(&self) -> Option<&str> {
        self.default_payment_method.as_deref().or(self.default_source.as_deref())
    }
}

impl PaymentMethod {
    /// `visa ···· 4242`, `sepa debit ···· 3000`, `link ada@example.com`.
    pub fn label(&self) -> String {
        let kind = self.brand.clone().unwrap_or_else(|| self.method_type.replace('_', " "));
        match (&self.last4, &self.account) {
            (Some(last4), _) => format!("{kind} ···· {last4}"),
            (None, Some(account)) => format!("{kind} {account}"),
            (None, None) => kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::{InvoiceLine, Package};

    fn price(minor: i64, interval: &str) -> Price {
        Price {
            unit_amount: Some(minor),
            currency: "usd".to_owned(),
            interval: Some(interval.to_owned()),
            interval_count: 1,
            ..Price::default()
        }
    }

    fn item(id: &str, price: Price, quantity: Option<i64>) -> SubscriptionItem {
        SubscriptionItem { id: id.to_owned(), price, quantity, ..SubscriptionItem::default() }
    }

    fn of(items: Vec<SubscriptionItem>) -> Subscription {
        Subscription { status: "active".to_owned(), items, ..Subscription::default() }
    }

    #[test]
    fn a_price_says_what_is_known_and_no_more() {
        let metered = Price { metered: true, ..price(25, "month") };
        assert_eq!(metered.label(), "usage-based, 0.25 USD per unit per month");
        let fraction = Price { unit_amount: None, unit_amount_decimal: Some("0.05".to_owned()), ..price(0, "month") };
        assert_eq!(fraction.label(), "0.0005 USD per month");
        let tiered = Price { unit_amount: None, tiers: Some("graduated".to_owned()), ..price(0, "month") };
        assert_eq!((tiered.label().as_str(), tiered.amount_of(3)), ("graduated price per month", None));
        let package = Price { package: Some(Package { units: 1_000, rounds_up: true }), ..price(1_000, "month") };
        assert_eq!(package.label(), "10.00 USD per 1,000 units per month");
        assert_eq!((package.amount_of(1_001), package.amount_of(1_000)), (Some(2_000), Some(1_000)));
        let down = Price { package: Some(Package { units: 1_000, rounds_up: false }), ..package };
        assert_eq!(down.amount_of(1_999), Some(1_000));
        let unknown = Price { unit_amount: None, ..price(0, "month") };
        assert_eq!(unknown.label(), "amount unknown per month");
    }

    #[test]
    fn amounts_of_different_intervals_are_not_added_and_use_is_not_zero() {
        let mixed =
            of(vec![item("addon", price(900, "month"), Some(3)), item("base", price(120_000, "year"), Some(1))]);
        assert_eq!(mixed.charges().label(), "1,200.00 USD per year + 27.00 USD per month");
        assert_eq!(mixed.charges().single(), None);
        let order: Vec<_> = mixed.items_by_period().iter().map(|item| item.price.interval.clone().unwrap()).collect();
        assert_eq!(order, ["year", "month"]);
        let usage = of(vec![item("met", Price { metered: true, ..price(25, "month") }, None)]);
        assert_eq!((usage.charges().label().as_str(), usage.charges().single()), ("usage-based", None));
        let both = of(vec![item("a", price(900, "month"), Some(1)), item("b", price(100, "month"), Some(2))]);
        assert_eq!(both.charges().label(), "11.00 USD per month");
    }

    #[test]
    fn the_item_that_is_the_plan_is_found_or_not_guessed() {
        let metered = Price { metered: true, ..price(25, "month") };
        let with_usage = of(vec![item("met", metered, None), item("plan", price(900, "month"), Some(1))]);
        assert_eq!(with_usage.plan_item().map(|item| item.id.as_str()), Some("plan"));
        let mixed =
            of(vec![item("addon", price(900, "month"), Some(3)), item("base", price(120_000, "year"), Some(1))]);
        assert_eq!(mixed.plan_item(), None);
        assert_eq!(mixed.item_for(&price(240_000, "year")).map(|item| item.id.as_str()), Some("base"));
        let two = of(vec![item("a", price(900, "month"), Some(1)), item("b", price(100, "month"), Some(2))]);
        assert_eq!(two.item_for(&price(500, "month")), None);
        let ids = |subscription: &Subscription, wanted: &Price| -> Vec<String> {
            subscription.items_for(wanted).into_iter().map(|item| item.id.clone()).collect()
        };
        assert_eq!(ids(&two, &price(500, "month")), ["a", "b"]);
        assert_eq!(ids(&mixed, &price(500, "week")), ["addon", "base"]);
    }

    fn sums_hold(invoice: &Invoice) -> Vec<Step> {
        let steps = invoice.steps();
        let mut sum = 0;
        for step in &steps {
            match step.label {
                "of which tax" => {}
                // Without steps above it, a total stands for itself.
                "Total" if sum == 0 => sum = step.amount,
                _ if step.sum => assert_eq!(step.amount, sum, "{steps:?}"),
                _ => sum += step.amount,
            }
        }
        steps
    }

    #[test]
    fn an_invoice_adds_up_step_by_step() {
        let discounted = Invoice {
            subtotal: 360_000,
            discount: 300_000,
            total: 60_000,
            starting_balance: 1_000,
            ending_balance: Some(0),
            amount_due: 61_000,
            ..Invoice::default()
        };
        let steps: Vec<_> = sums_hold(&discounted).into_iter().map(|step| (step.label, step.amount)).collect();
        assert_eq!(
            steps,
            [
                ("Subtotal", 360_000),
                ("Discount", -300_000),
                ("Total", 60_000),
                ("Owed from before", 1_000),
                ("Amount due", 61_000)
            ]
        );
        for invoice in [
            Invoice { subtotal: 100, total: 100, amount_due: 100, ..Invoice::default() },
            Invoice { subtotal: 100, tax: 19, total: 119, amount_due: 119, ..Invoice::default() },
            Invoice { subtotal: 100, total: 130, amount_due: 130, ..Invoice::default() },
            Invoice { subtotal: 100, total: 100, starting_balance: -60, amount_due: 40, ..Invoice::default() },
            Invoice {
                subtotal: 100,
                total: 100,
                starting_balance: -60,
                ending_balance: Some(0),
                amount_due: 40,
                ..Invoice::default()
            },
            Invoice { subtotal: -100, total: -100, ending_balance: Some(-100), ..Invoice::default() },
            Invoice { subtotal: 30, total: 30, ending_balance: Some(30), ..Invoice::default() },
        ] {
            sums_hold(&invoice);
        }
    }

    #[test]
    fn lines_that_were_not_read_are_missed() {
        let line = InvoiceLine { amount: 100, ..InvoiceLine::default() };
        let invoice = Invoice { subtotal: 300, lines: vec![line.clone(), line], ..Invoice::default() };
        assert_eq!(invoice.missing_lines(), 100);
    }

    #[test]
    fn a_method_is_named_by_what_is_known_of_it() {
        let of = |method_type: &str, last4: Option<&str>, account: Option<&str>| {
            PaymentMethod {
                method_type: method_type.to_owned(),
                last4: last4.map(str::to_owned),
                account: account.map(str::to_owned),
                ..PaymentMethod::default()
            }
            .label()
        };
        assert_eq!(of("sepa_debit", Some("3000"), None), "sepa debit ···· 3000");
        assert_eq!(of("link", None, Some("ada@example.com")), "link ada@example.com");
        assert_eq!(of("boleto", None, None), "boleto");
    }
}
