use super::*;
use file::parse_text;
use std::time::Duration;

const HIDDEN: &str = "do_not_print";

fn environment(pairs: &[(&str, &str)]) -> Variables {
    Variables::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

pub fn config(text: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::merge(parse_text(text).unwrap(), None, environment(pairs))
}

#[test]
fn the_example_is_valid_as_it_is_and_with_every_key_switched_on() {
    parse_text(EXAMPLE).unwrap();
    let switched_on: String = EXAMPLE
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line))
        .fold(String::new(), |all, line| all + line + "\n");
    let file = parse_text(&switched_on).unwrap();
    assert!(file.database_url.is_some() && file.addr.is_some() && file.data_dir.is_some());
    assert!(file.public_url.is_some() && file.log_format.is_some() && file.staff_organisation.is_some());
    assert!(file.keep_events_days.is_some() && file.keep_history_days.is_some() && file.keep_calls_days.is_some());
    assert!(file.billing.plans.is_some() && file.billing.roles.is_some());
    for entry in patchbay_providers::registry::PROVIDERS {
        let section = file.provider[entry.manifest.id].as_table().expect("every provider has its section");
        for variable in entry.manifest.variables {
            assert!(section.contains_key(variable.name), "{} is not in the example", variable.name);
        }
    }
    assert!(file.connection.contains_key("stripe/eu"));
}

#[test]
fn the_environment_wins_over_the_file() {
    let config = config("addr = '127.0.0.1:1'", &[("PATCHBAY_ADDR", "127.0.0.1:2")]).unwrap();
    assert_eq!(config.addr.port(), 2);
}

#[test]
fn everything_is_kept_for_ever_unless_it_says_for_how_many_days() {
    assert_eq!(config("", &[]).unwrap().retention, Retention::default());
    let kept = config("keep_events_days = 90\nkeep_calls_days = 30", &[("PATCHBAY_KEEP_CALLS_DAYS", "0")]).unwrap();
    assert_eq!(kept.retention, Retention { events: Some(Duration::from_hours(90 * 24)), history: None, calls: None });
}

#[test]
fn events_are_kept_for_longer_than_providers_send_them_again() {
    for text in ["1", "6", "a while", "-1"] {
        let error = config("", &[("PATCHBAY_KEEP_EVENTS_DAYS", text)]).unwrap_err().to_string();
        assert!(error.starts_with("PATCHBAY_KEEP_EVENTS_DAYS") && error.contains("0 for ever"), "{error}");
    }
}

#[test]
fn a_further_connection_never_borrows_keys_from_the_environment() {
    let shared = [("STRIPE_SECRET_KEY", "shared"), ("STRIPE_API_BASE", "shared")];
    let config = config("[connection.'stripe/eu']\nSTRIPE_SECRET_KEY = 'own'", &shared).unwrap();
    assert_eq!(config.variable("stripe/eu", "STRIPE_SECRET_KEY").as_deref(), Some("own"));
    assert_eq!(config.variable("stripe/eu", "STRIPE_API_BASE"), None);
    assert_eq!(config.further_connections("stripe").collect::<Vec<_>>(), ["stripe/eu"]);
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_without_its_value() {
    let error = parse_text("addr = '127.0.0.1:1'\nadress = 'secret-value'").err().unwrap();
    assert!(error.starts_with("line 2") && !error.contains("secret-value"), "{error}");
}

/// The sentence with which a configuration is refused.
fn refusal(text: &str, pairs: &[(&str, &str)]) -> String {
    let refused = parse_text(text)
        .and_then(|file| Config::merge(file, None, environment(pairs)).map_err(|error| error.to_string()));
    let sentence = refused.expect_err("it is refused");
    assert!(!sentence.contains(HIDDEN), "{sentence}");
    sentence
}

#[test]
fn a_value_that_cannot_have_been_meant_is_refused_by_the_name_of_its_setting() {
    for (name, value) in [
        ("DATABASE_URL", ""),
        ("DATABASE_URL", " \n"),
        ("DATABASE_URL", "\"postgres://name:do_not_print@db/c\""),
        ("DATABASE_URL", "postgres//name:do_not_print@db/c"),
        ("PATCHBAY_DATA_DIR", ""),
        ("PATCHBAY_DATA_DIR", "'data'"),
        ("PATCHBAY_PUBLIC_URL", ""),
        ("PATCHBAY_ADDR", ""),
        ("PATCHBAY_ADDR", "localhost:3000"),
        ("PATCHBAY_ADDR", ":3000"),
        ("PATCHBAY_ADDR", "127.0.0.1:0"),
        ("PATCHBAY_ADDR", "127.0.0.1:70000"),
        ("PATCHBAY_LOG_FORMAT", "yaml"),
        ("PATCHBAY_LOG_FORMAT", ""),
        ("PATCHBAY_STAFF_ORGANISATION", ""),
        ("PATCHBAY_KEEP_CALLS_DAYS", ""),
        ("PATCHBAY_KEEP_CALLS_DAYS", "90d"),
        ("PATCHBAY_KEEP_CALLS_DAYS", "4294967295"),
        ("RUST_LOG", ""),
        ("RUST_LOG", "inof"),
    ] {
        let sentence = refusal("", &[(name, value)]);
        assert!(sentence.starts_with(name), "{name}={value:?}: {sentence}");
    }
    for text in
        ["database_url = ''", "public_url = ' '", "data_dir = '\"data\"'", "staff_organisation = ''", "addr = ''"]
    {
        let (name, _) = text.split_once(' ').unwrap();
        assert!(refusal(text, &[]).starts_with(name), "{text}");
    }
}

#[test]
fn white_space_around_a_value_is_no_part_of_it() {
    let file = "addr = ' 127.0.0.1:1 '\ndata_dir = ' there '\n[provider.stripe]\nSTRIPE_SECRET_KEY = \"key\\n\"";
    let config = config(file, &[("DATABASE_URL", "postgres://db/c\n"), ("PATCHBAY_LOG_FORMAT", " JSON ")]).unwrap();
    assert_eq!((config.addr.port(), config.data_dir.as_path()), (1, Path::new("there")));
    assert_eq!((config.database_url.as_str(), config.log_format), ("postgres://db/c", LogFormat::Json));
    assert_eq!(config.variable("stripe", "STRIPE_SECRET_KEY").as_deref(), Some("key"));
}

#[test]
fn a_misspelt_name_is_refused_with_the_right_one_and_an_unknown_one_is_told() {
    let sentence = refusal("", &[("PATCHBAY_PUBLC_URL", "do_not_print")]);
    assert!(sentence.starts_with("PATCHBAY_PUBLC_URL is set") && sentence.ends_with("mean PATCHBAY_PUBLIC_URL?"));
    assert!(refusal("adr = '127.0.0.1:1'", &[]).contains("did you mean addr?"));
    let others = [("PATCHBAY_PORT", "tcp://10.0.0.1:3000"), ("PATH", "/bin"), ("STRIPE_PRICE", "price_1")];
    assert!(config("", &others).unwrap().unread().is_empty());
    for (name, meant) in [
        ("PATCHBAY_IMAGE_TAG", "no such"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("STRIPE_WEBHOK_SECRET", "STRIPE_WEBHOOK_SECRET"),
    ] {
        let unread = config("", &[(name, HIDDEN)]).unwrap().unread();
        assert!(unread.len() == 1 && unread[0].starts_with(name) && unread[0].contains(meant), "{unread:?}");
    }
}

#[test]
fn a_mistake_in_a_section_is_that_connections_alone() {
    for (section, connection, why) in [
        ("[provider.stripe]\nSTRIPE_WEBHOK_SECRET = 'do_not_print'", "stripe", "did you mean STRIPE_WEBHOOK_SECRET?"),
        ("[provider.mux]\nMUX_TOKEN_SECRET = 12345", "mux", "MUX_TOKEN_SECRET must be a text in quotes"),
        ("[provider.stripe]\nSTRIPE_SECRET_KEY = ''", "stripe", "STRIPE_SECRET_KEY is set but empty"),
        ("[connection.'stripe/eu']\nSTRIPE_SECRET_KEY = '\"do_not_print\"'", "stripe/eu", "quotes"),
        ("[connection.'stripe/eu']", "stripe/eu", "is empty"),
        ("[connection.'stripe/a/b']\nSTRIPE_SECRET_KEY = 'do_not_print'", "stripe/a/b", "one slash only"),
        ("[connection.'stripe/a b']\nSTRIPE_SECRET_KEY = 'do_not_print'", "stripe/a b", "letters, digits"),
        ("[connection.'stripe/..']\nSTRIPE_SECRET_KEY = 'do_not_print'", "stripe/..", "letters, digits"),
        ("[connection.'stripe/']\nSTRIPE_SECRET_KEY = 'do_not_print'", "stripe/", "a name of its own"),
        ("[connection.stripe.eu]\nSTRIPE_SECRET_KEY = 'do_not_print'", "stripe", "a name of its own"),
        ("[provider.stripe]\nSTRIPE_SECRET_KEY_FILE = '/nowhere/at/all'", "stripe", "/nowhere/at/all: No such file"),
    ] {
        let config = config(section, &[]).unwrap();
        let problem = config.problem_of(connection).unwrap_or_default();
        assert!(
            problem.contains(why) && !problem.contains(HIDDEN) && !problem.contains("12345"),
            "{section}: {problem}"
        );
        assert_eq!(config.problem_of("clerk"), None);
    }
    for (section, why) in [
        ("[provider.strype]", "[provider.strype]: there is no such provider; did you mean stripe?"),
        ("[connection.'muxx/eu']", "did you mean mux?"),
        ("[provider.'stripe/eu']", "[connection.\"stripe/…\"]"),
        ("[connection.'clerk/eu']", "one Clerk"),
    ] {
        let unread = config(section, &[]).unwrap().unread();
        assert!(unread.len() == 1 && unread[0].contains(why), "{section}: {unread:?}");
    }
    assert!(config("", &[("STRIPE_SECRET_KEY", " ")]).unwrap().problem_of("stripe").unwrap().contains("set but empty"));
}

#[test]
fn a_value_of_the_wrong_form_or_without_its_quotes_is_not_repeated() {
    for text in [
        "[provider.stripe]\nSTRIPE_SECRET_KEY = do_not_print",
        "database_url = postgres://do_not_print",
        "[provider.stripe]\nSTRIPE_SECRET_KEY = 'do_not_print",
        "[provider.stripe\nSTRIPE_SECRET_KEY = 'do_not_print'",
        "database_url = ['do_not_print']",
    ] {
        assert!(refusal(text, &[]).starts_with("line "), "{text}");
    }
}

#[test]
fn a_secret_may_lie_in_a_file_which_may_not_contradict_the_variable() {
    let folder = std::env::temp_dir().join(format!("patchbay_config_{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("secret");
    std::fs::write(&path, "sk_test_1\r\n").unwrap();
    let path = path.to_str().unwrap();
    let load = |pairs: &[(&str, &str)]| Config::load(Some(&folder.join("empty.toml")), environment(pairs));
    std::fs::write(folder.join("empty.toml"), "").unwrap();
    let read = load(&[("STRIPE_SECRET_KEY_FILE", path)]).unwrap();
    assert_eq!(read.variable("stripe", "STRIPE_SECRET_KEY").as_deref(), Some("sk_test_1"));
    let both = load(&[("STRIPE_SECRET_KEY_FILE", path), ("STRIPE_SECRET_KEY", HIDDEN)]).unwrap();
    let problem = both.problem_of("stripe").unwrap();
    assert!(problem.contains("keep one of them") && !problem.contains(HIDDEN), "{problem}");
    let missing = load(&[("DATABASE_URL_FILE", "/nowhere/at/all")]).unwrap_err().to_string();
    assert!(missing.starts_with("DATABASE_URL cannot be read from DATABASE_URL_FILE: /nowhere/at/all"), "{missing}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_are_ours_and_nobodys_business_elsewhere() {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = || std::ffi::OsString::from_vec(vec![b'a', 0xff]);
    let load =
        |name: &str| Config::merge(File::default(), None, Variables::from_os([(name.into(), bytes())].into_iter()));
    assert!(load("LESSOPEN").is_ok());
    let error = load("DATABASE_URL").unwrap_err().to_string();
    assert!(error.starts_with("DATABASE_URL holds bytes"), "{error}");
    assert!(load("STRIPE_SECRET_KEY").unwrap().problem_of("stripe").unwrap().contains("holds bytes"));
    assert!(Config::merge(File::default(), None, Variables::from_os([(bytes(), bytes())].into_iter())).is_ok());
}

#[test]
fn plans_and_roles_come_from_the_file_or_as_lists_with_commas_from_the_environment() {
    let text = "[billing]\nplans = ['price_1']\nroles = ['owner']";
    let from_file = config(text, &[]).unwrap();
    assert_eq!(from_file.billing.plans, BTreeSet::from(["price_1".to_owned()]));
    assert_eq!(from_file.variable("clerk", "PATCHBAY_BILLING_ROLES").as_deref(), Some("owner"));
    let variables = [("PATCHBAY_PLANS", " price_2, prod_3 ,"), ("PATCHBAY_BILLING_ROLES", "admin, org:billing:manage")];
    let config = config(text, &variables).unwrap();
    assert_eq!(config.billing.plans, BTreeSet::from(["price_2".to_owned(), "prod_3".to_owned()]));
    assert_eq!(config.billing.roles, ["admin", "org:billing:manage"]);
}

#[test]
fn without_a_word_nothing_is_on_offer_and_admins_act() {
    assert_eq!(config("", &[]).unwrap().billing, BillingRules::default());
}

#[test]
fn debug_output_holds_no_variable() {
    let config = config("", &[("STRIPE_SECRET_KEY", "sk_test_123")]).unwrap();
    assert!(!format!("{config:?}").contains("sk_test_123"));
}
