//! `[connections]`: what those who connect may hold.

use super::{ConfigError, Variables};
use serde::Deserialize;

/// Files that are not connections of clients: databases, journals, calls to providers.
const OTHER_FILES: usize = 256;

/// As written in the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Table {
    most: Option<u64>,
    most_per_address: Option<u64>,
    idle_seconds: Option<u64>,
    handshake_seconds: Option<u64>,
    head_seconds: Option<u64>,
    body_seconds: Option<u64>,
    stall_seconds: Option<u64>,
    bytes_per_second: Option<u64>,
    head_bytes: Option<u64>,
    uri_bytes: Option<u64>,
    bodies_mib: Option<u64>,
    streams: Option<u64>,
}

/// Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    pub connections: usize,
    pub per_address: usize,
    /// Between two requests.
    pub idle: u64,
    /// … while most connections are taken.
    pub idle_in_a_crowd: u64,
    /// Until somebody who came above the maximum has said what they want.
    pub spare: u64,
    /// Until the first bytes of a request, TLS and all.
    pub handshake: u64,
    /// Request line and headers.
    pub head: u64,
    /// A request's body.
    pub body: u64,
    /// Without a byte, in either direction.
    pub stall: u64,
    /// The least of a body, in either direction: bytes per second.
    pub rate: u64,
    pub head_bytes: usize,
    pub uri_bytes: usize,
    /// Of all bodies that are being received.
    pub bodies_bytes: usize,
    /// Requests at once on a connection of HTTP/2.
    pub streams: u32,
}

impl ConnectionLimits {
    pub(super) fn read(file: &Table, environment: &Variables) -> Result<Self, ConfigError> {
        let read = |name, value, default, least, most| number(environment, name, value, default, least, most);
        let size = |name, value: Option<u64>, default: usize, least: usize, most: usize| {
            let [default, least, most] = [default, least, most].map(|size| u64::try_from(size).unwrap_or(u64::MAX));
            read(name, value, default, least, most).map(|size| usize::try_from(size).unwrap_or(usize::MAX))
        };
        let time = |name, value, default| read(name, value, default / 1_000, 1, 3_600).map(|seconds| seconds * 1_000);
        let default = Self::default();
        let mib = 1_024 * 1_024;
        let bodies = size("PATCHBAY_BODIES_MIB", file.bodies_mib, default.bodies_bytes / mib, 1, 65_536)?;
        let streams = size("PATCHBAY_STREAMS", file.streams, 64, 1, 1_000)?;
        Ok(Self {
            connections: size("PATCHBAY_MAX_CONNECTIONS", file.most, default.connections, 8, 1_000_000)?,
            per_address: size(
                "PATCHBAY_MAX_CONNECTIONS_PER_ADDRESS",
                file.most_per_address,
                default.per_address,
                1,
                1_000_000,
            )?,
            idle: time("PATCHBAY_IDLE_SECONDS", file.idle_seconds, default.idle)?,
            handshake: time("PATCHBAY_HANDSHAKE_SECONDS", file.handshake_seconds, default.handshake)?,
            head: time("PATCHBAY_HEAD_SECONDS", file.head_seconds, default.head)?,
            body: time("PATCHBAY_BODY_SECONDS", file.body_seconds, default.body)?,
            stall: time("PATCHBAY_STALL_SECONDS", file.stall_seconds, default.stall)?,
            rate: read("PATCHBAY_BYTES_PER_SECOND", file.bytes_per_second, default.rate, 1, 1_048_576)?,
            head_bytes: size("PATCHBAY_HEAD_BYTES", file.head_bytes, default.head_bytes, 8_192, mib)?,
            uri_bytes: size("PATCHBAY_URI_BYTES", file.uri_bytes, default.uri_bytes, 256, 65_534)?,
            bodies_bytes: bodies.saturating_mul(mib),
            streams: u32::try_from(streams).unwrap_or(u32::MAX),
            ..default
        })
    }

    /// No more than this many open files allow.
    #[must_use]
    pub fn within(self, files: Option<usize>) -> Self {
        let Some(files) = files else { return self };
        let most = files.saturating_sub(OTHER_FILES).max(files / 2);
        if most < self.connections {
            tracing::info!(
                files,
                connections = most,
                "the limit of open files (ulimit -n) bounds the number of connections"
            );
        }
        Self { connections: self.connections.min(most), ..self }
    }
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            per_address: 256,
            idle: 75_000,
            idle_in_a_crowd: 5_000,
            spare: 2_000,
            handshake: 10_000,
            head: 10_000,
            body: 60_000,
            stall: 15_000,
            rate: 500,
            head_bytes: 32_768,
            uri_bytes: 8_192,
            bodies_bytes: 64 * 1_024 * 1_024,
            streams: 64,
        }
    }
}

fn number(
    environment: &Variables,
    name: &'static str,
    file: Option<u64>,
    default: u64,
    least: u64,
    most: u64,
) -> Result<u64, ConfigError> {
    let written = match environment.get(name) {
        None => file.map(|value| value.to_string()),
        Some(text) => Some(text.to_owned()),
    };
    let Some(text) = written else { return Ok(default) };
    match text.parse() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(ConfigError::Variable {
            name,
            message: format!("write a whole number from {least} to {most}; it is \"{}\"", text.escape_debug()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<ConnectionLimits, ConfigError> {
        let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ConnectionLimits::read(&Table::default(), &Variables::new(environment))
    }

    #[test]
    fn without_a_word_the_defaults_hold() {
        assert_eq!(read(&[]).unwrap(), ConnectionLimits::default());
    }

    #[test]
    fn a_limit_that_is_no_number_or_out_of_its_range_is_refused_by_its_name() {
        for wrong in ["0", "-1", "ten", "1.5", "4000"] {
            let error = read(&[("PATCHBAY_HEAD_SECONDS", wrong)]).unwrap_err().to_string();
            assert!(error.starts_with("PATCHBAY_HEAD_SECONDS") && error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn open_files_bound_the_connections() {
        let limits = ConnectionLimits::default();
        assert_eq!(limits.within(None).connections, 16_384);
        assert_eq!(limits.within(Some(1_024)).connections, 768);
        assert_eq!(limits.within(Some(100)).connections, 50);
    }
}
