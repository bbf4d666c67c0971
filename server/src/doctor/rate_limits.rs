//! Whether processes count requests together.

use super::Findings;
use crate::{config::Config, http::rates};
use patchbay_net::Trust;

const ABOUT: &str = "rate limits";

pub async fn check(findings: &mut Findings, config: &Config, trust: &Trust) {
    let Some(redis) = &config.limits.redis else {
        return findings.ok(ABOUT, "each process counts for itself; with REDIS_URL several share one count");
    };
    let client = match redis.client(trust) {
        Ok(client) => client,
        Err(error) => return findings.problem(ABOUT, format!("REDIS_URL cannot be used: {error}")),
    };
    match rates::connect(&client).await {
        Ok(_) => findings.ok(ABOUT, "several processes share one count, in Redis"),
        Err(error) => {
            let why = rates::explain(&error, &client);
            let text = format!("Redis does not answer, so each process counts for itself; check REDIS_URL: {why}");
            findings.problem(ABOUT, text);
        }
    }
}
