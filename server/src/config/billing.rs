//! `[billing]`: what customers may choose, and who of them may act.

use super::Variables;
use patchbay_engine::BillingRules;
use serde::Deserialize;

const PLANS: &str = "PATCHBAY_PLANS";
const ROLES: &str = "PATCHBAY_BILLING_ROLES";

/// The table as written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Table {
    pub plans: Option<Vec<String>>,
    pub roles: Option<Vec<String>>,
}

/// The rules; the roles also become a variable, where sign-in reads them.
pub fn rules(table: Table, environment: &mut Variables) -> BillingRules {
    let listed = |name: &str, from_file: Option<Vec<String>>| {
        let from_environment = environment.get(name).map(|list| list.split(',').map(str::to_owned).collect());
        let all: Vec<String> = from_environment.or(from_file).unwrap_or_default();
        all.iter().map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect::<Vec<_>>()
    };
    let (plans, roles) = (listed(PLANS, table.plans), listed(ROLES, table.roles));
    let mut all = BillingRules { plans: plans.into_iter().collect(), ..BillingRules::default() };
    if !roles.is_empty() {
        environment.set(ROLES, roles.join(","));
        all.roles = roles;
    }
    all
}
