//! What `--sandbox` makes of a configuration: nothing of it that belongs to a real account or to real data.

use super::{Config, ConfigError, sections::Sections, settings_of_connections};

/// A database for the sandbox alone. `DATABASE_URL` may be real.
pub const DATABASE: &str = "PATCHBAY_SANDBOX_DATABASE_URL";

impl Config {
    /// Turns to the sandbox's own folder and database, and away from every provider. Answers names of what is set and not
    /// used.
    pub fn turn_to_sandbox(&mut self) -> Result<Vec<String>, ConfigError> {
        let refused = |message: String| ConfigError::Variable { name: "--sandbox", message };
        let sections = self.sections.provider.values().chain(self.sections.connection.values());
        let in_file = sections.flat_map(|section| &section.values);
        if let Some((name, _)) = self.environment.all().chain(in_file).find(|(_, value)| is_live_key(value)) {
            return Err(refused(format!("{name} holds a live key. Remove it, or start without --sandbox")));
        }
        let database = self.environment.get(DATABASE).map(str::to_owned);
        if database.is_none() && self.has_database_url {
            return Err(refused(format!(
                "DATABASE_URL may be a real database, and the sandbox has one of its own. Remove DATABASE_URL, or name a \
                 database that is for the sandbox alone in {DATABASE}"
            )));
        }
        self.data_dir = self.data_dir.join("sandbox");
        self.database_url = match database {
            Some(text) => super::database::read(&text)
                .map_err(|message| ConfigError::Setting { name: DATABASE.to_owned(), message })?,
            None => format!("sqlite://{}", self.data_dir.join("patchbay.db").display()),
        };
        let sections = self.sections.provider.keys().map(|name| format!("[provider.{name}]"));
        let connections = self.sections.connection.keys().map(|name| format!("[connection.\"{name}\"]"));
        let mut unused: Vec<String> = sections.chain(connections).collect();
        for name in settings_of_connections() {
            if self.environment.remove(name) {
                unused.push(name.to_owned());
            }
        }
        self.sections = Sections::default();
        Ok(unused)
    }

    /// Points providers at these stand-ins.
    pub fn point_at(&mut self, variables: Vec<(String, String)>) {
        for (name, value) in variables {
            self.environment.set(&name, value);
        }
    }
}

/// `sk_live_…` and its like, whosever it is.
fn is_live_key(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let is_word = |word: &str| (1..=8).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase());
    value.split(',').any(|one| one.trim().split_once("_live_").is_some_and(|(word, _)| is_word(word)))
        || value.starts_with("live_")
}

#[cfg(test)]
mod tests {
    use super::{super::tests::config, *};
    use std::path::Path;

    #[test]
    fn whatever_looks_like_a_live_key_is_refused_by_its_name_alone() {
        for (name, value) in [
            ("STRIPE_SECRET_KEY", "sk_live_123"),
            ("STRIPE_SECRET_KEY", " rk_live_123"),
            ("STRIPE_PUBLISHABLE_KEY", "pk_live_123"),
            ("CLERK_SECRET_KEY", "sk_live_123"),
            ("CLERK_PUBLISHABLE_KEY", "pk_live_123"),
            ("SOME_LATER_PROVIDERS_KEY", "ak_live_123"),
            ("SOME_LATER_PROVIDERS_KEY", "test_1,live_123".split(',').next_back().unwrap()),
        ] {
            let error = config("", &[(name, value)]).unwrap().turn_to_sandbox().unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("123"), "{error}");
        }
        let text = "[provider.stripe]\nSTRIPE_SECRET_KEY = 'sk_live_123'";
        assert!(config(text, &[]).unwrap().turn_to_sandbox().is_err());
    }

    #[test]
    fn keys_of_tests_are_not_used_and_named() {
        let variables = [("STRIPE_SECRET_KEY", "sk_test_123"), ("MUX_TOKEN_ID", "abc"), ("HOME", "/root")];
        let mut config = config("[connection.'stripe/eu']\nSTRIPE_SECRET_KEY = 'sk_test_1'", &variables).unwrap();
        let mut unused = config.turn_to_sandbox().unwrap();
        unused.sort();
        assert_eq!(unused, ["MUX_TOKEN_ID", "STRIPE_SECRET_KEY", "[connection.\"stripe/eu\"]"]);
        assert_eq!(config.variable("stripe", "STRIPE_SECRET_KEY"), None);
        assert_eq!(config.further_connections("stripe").count(), 0);
    }

    #[test]
    fn the_sandbox_has_a_folder_and_a_database_of_its_own() {
        let mut plain = config("", &[]).unwrap();
        plain.turn_to_sandbox().unwrap();
        assert_eq!(plain.data_dir, Path::new("data/sandbox"));
        assert_eq!(plain.database_url, "sqlite://data/sandbox/patchbay.db");
        for (text, variables) in
            [("", &[("DATABASE_URL", "sqlite://data/patchbay.db")][..]), ("database_url = 'postgres://db/real'", &[])]
        {
            let error = config(text, variables).unwrap().turn_to_sandbox().unwrap_err().to_string();
            assert!(error.contains("DATABASE_URL") && error.contains(DATABASE), "{error}");
        }
        let variables = [("DATABASE_URL", "postgres://db/real"), (DATABASE, "postgres://db/sandbox")];
        let mut named = config("", &variables).unwrap();
        named.turn_to_sandbox().unwrap();
        assert_eq!(named.database_url, "postgres://db/sandbox");
    }
}
