//! Names that nobody reads, and what was meant by them.

/// Set by Kubernetes for a service called `patchbay`, in every pod of its namespace.
fn is_of_kubernetes(rest: &str) -> bool {
    let port = rest == "PORT" || rest.starts_with("PORT_") || rest.contains("_PORT_") || rest.ends_with("_PORT");
    let service = rest.contains("SERVICE_HOST") || rest.contains("SERVICE_PORT");
    service || (port && !rest.starts_with("PUBLIC"))
}

/// Variables of the tests and the tools beside the product.
fn is_of_development(rest: &str) -> bool {
    const BEGINNINGS: [&str; 6] = ["TEST_", "SIM_", "REQUIRE_", "E2E", "BENCH_", "CHAOS_"];
    const NAMES: [&str; 3] = ["BIN", "ORDERS", "GALLERY"];
    BEGINNINGS.iter().any(|beginning| rest.starts_with(beginning)) || NAMES.contains(&rest)
}

/// The rest of a name that can only be meant for us.
pub fn ours(name: &str) -> Option<&str> {
    let (prefix, rest) = name.split_at_checked("PATCHBAY_".len())?;
    let ours = prefix.eq_ignore_ascii_case("PATCHBAY_");
    (ours && !is_of_kubernetes(rest) && !is_of_development(rest)).then_some(rest)
}

/// The known name that this one was most likely meant to be. `PATCHBAY_` at the front makes no difference.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const LIKE_ENOUGH: f64 = 0.6;
    let bare = |name: &str| {
        let upper = name.to_ascii_uppercase().replace(['-', '.'], "_");
        upper.strip_prefix("PATCHBAY_").map(str::to_owned).unwrap_or(upper)
    };
    let wanted = bare(name);
    let likeness = |known: &str| {
        let known = bare(known);
        let part = wanted.len() >= 3 && (known.starts_with(&wanted) || known.ends_with(&wanted))
            || known.len() >= 4 && wanted.starts_with(&known);
        let likeness = strsim::normalized_damerau_levenshtein(&wanted, &known);
        if part { likeness.max(LIKE_ENOUGH) } else { likeness }
    };
    known
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness >= LIKE_ENOUGH)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

/// `; did you mean X?`, or nothing.
pub fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known).map(|known| format!("; did you mean {known}?")).unwrap_or_default()
}

/// Whether two names differ by a slip of the finger. For names that others may well have chosen on purpose.
pub fn is_a_slip(name: &str, known: &str) -> bool {
    const SHORTEST: usize = 8;
    name.len() >= SHORTEST && strsim::damerau_levenshtein(&name.to_ascii_uppercase(), known) <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 9] = [
        "DATABASE_URL",
        "PATCHBAY_ADDR",
        "PATCHBAY_PUBLIC_URL",
        "PATCHBAY_DATA_DIR",
        "PATCHBAY_LOG_FORMAT",
        "PATCHBAY_STAFF_ORGANISATION",
        "PATCHBAY_KEEP_EVENTS_DAYS",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
    ];

    #[test]
    fn the_name_that_was_meant_is_found() {
        for (name, meant) in [
            ("PATCHBAY_ADDRESS", "PATCHBAY_ADDR"),
            ("PATCHBAY_URL", "PATCHBAY_PUBLIC_URL"),
            ("PATCHBAY_PUBLC_URL", "PATCHBAY_PUBLIC_URL"),
            ("PATCHBAY_DATABASE_URL", "DATABASE_URL"),
            ("patchbay_data_dir", "PATCHBAY_DATA_DIR"),
            ("PATCHBAY_STAFF_ORGANIZATION", "PATCHBAY_STAFF_ORGANISATION"),
            ("PATCHBAY_KEEP_EVENT_DAYS", "PATCHBAY_KEEP_EVENTS_DAYS"),
            ("STRIPE_WEBHOK_SECRET", "STRIPE_WEBHOOK_SECRET"),
            ("STRIPE_WEBHOOK_SIGNING_SECRET", "STRIPE_WEBHOOK_SECRET"),
            ("stripe-secret-key", "STRIPE_SECRET_KEY"),
        ] {
            assert_eq!(nearest(name, KNOWN.into_iter()), Some(meant), "{name}");
        }
        assert_eq!(nearest("PATCHBAY_IMAGE_TAG", KNOWN.into_iter()), None);
        assert_eq!(did_you_mean("PATCHBAY_ADR", KNOWN.into_iter()), "; did you mean PATCHBAY_ADDR?");
    }

    #[test]
    fn what_kubernetes_and_the_tests_set_is_not_taken_for_a_setting() {
        for name in [
            "PATCHBAY_SERVICE_HOST",
            "PATCHBAY_SERVICE_PORT_HTTP",
            "PATCHBAY_PORT",
            "PATCHBAY_PORT_3000_TCP_ADDR",
            "PATCHBAY_WORKER_SERVICE_HOST",
            "PATCHBAY_WORKER_PORT_3000_TCP",
            "PATCHBAY_TEST_POSTGRES_URL",
            "PATCHBAY_SIM_SEED",
            "PATH",
            "PATCHBAY",
        ] {
            assert_eq!(ours(name), None, "{name}");
        }
        assert_eq!(ours("PATCHBAY_ADDRESS"), Some("ADDRESS"));
        assert_eq!(ours("patchbay_addr"), Some("addr"));
    }

    #[test]
    fn only_a_slip_counts_for_names_that_are_not_ours_alone() {
        assert!(is_a_slip("DATABSE_URL", "DATABASE_URL"));
        assert!(is_a_slip("stripe_secret_key", "STRIPE_SECRET_KEY"));
        assert!(!is_a_slip("STRIPE_PRICE_ID", "STRIPE_SECRET_KEY"));
    }
}
