//! What is logged, and how.

use super::{ConfigError, Variables};
use serde::Deserialize;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

const USUAL: &str = "info,sqlx=warn";
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Pretty,
    Json,
}

pub(super) fn format(variable: Option<&str>, file: Option<LogFormat>) -> Result<LogFormat, ConfigError> {
    match variable.map(str::to_ascii_lowercase).as_deref() {
        None => Ok(file.unwrap_or(LogFormat::Pretty)),
        Some("pretty") => Ok(LogFormat::Pretty),
        Some("json") => Ok(LogFormat::Json),
        Some(_) => Err(ConfigError::Variable { name: "PATCHBAY_LOG_FORMAT", message: "use pretty or json".to_owned() }),
    }
}

/// What `RUST_LOG` lets through, as a text that can be read as a filter. A word that is no level would silence everything:
/// the library takes it for the name of a module.
pub(super) fn filter(variable: Option<&str>) -> Result<String, ConfigError> {
    let Some(text) = variable else { return Ok(USUAL.to_owned()) };
    let refuse = |message: String| Err(ConfigError::Variable { name: "RUST_LOG", message });
    let is_level = |word: &str| LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level));
    for part in text.split(',').map(str::trim).filter(|part| !part.contains('[')) {
        let (module, level) = part.split_once('=').map_or((None, part), |(module, level)| (Some(module), level));
        if part.is_empty() || module.is_some_and(str::is_empty) || !is_level(level.trim()) {
            let part = part.escape_debug();
            return refuse(format!(
                "\"{part}\" is no level and no part of a filter; write {} or, for one module, sqlx=debug, with commas \
                 between several",
                LEVELS.join(", ")
            ));
        }
    }
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => refuse(format!("{error}; write it like info or info,sqlx=debug")),
    }
}

/// Colors are for people at a terminal who have not said otherwise (<https://no-color.org>).
pub(super) fn in_color(environment: &Variables) -> bool {
    let asked_not_to = environment.all().any(|(name, value)| name == "NO_COLOR" && !value.is_empty());
    std::io::stderr().is_terminal() && !asked_not_to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_levels_for_everything_or_for_modules() {
        assert_eq!(filter(None).unwrap(), USUAL);
        for text in ["debug", "WARN", "info,sqlx=debug", "off", "patchbay_engine::worker=trace", "info,[request]=debug"]
        {
            assert_eq!(filter(Some(text)).unwrap(), text);
        }
        for text in ["inof", "verbose", "sqlx=loud", "info,,warn", "info,", "=debug", "debug;info", "2"] {
            let error = filter(Some(text)).unwrap_err().to_string();
            assert!(error.starts_with("RUST_LOG is not valid: "), "{text}: {error}");
        }
    }
}
