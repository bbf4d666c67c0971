//! `[limits]`: what requests may do, and whom to believe about them.

use super::{ConfigError, PublicUrl, RedisAddress, Variables};
use crate::http::rates::{Rate, Rates};
use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use serde::Deserialize;
use std::{net::IpAddr, sync::Arc};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// As written in the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Table {
    trusted_proxies: Option<Vec<String>>,
    client_address_header: Option<String>,
    hosted_pages: Vec<String>,
    pages_per_minute: Option<u32>,
    actions_per_minute: Option<u32>,
    visits_per_minute: Option<u32>,
    sign_ins_per_minute: Option<u32>,
    live_streams: Option<u32>,
    live_streams_per_person: Option<u32>,
    redis_url: Option<String>,
}

#[derive(Clone)]
pub struct Limits {
    pub trusted_proxies: TrustedProxies,
    /// Origins beside those of the providers that forms may lead to.
    pub hosted_pages: Vec<String>,
    pub rates: Rates,
    pub live_streams: usize,
    pub live_streams_per_person: usize,
    /// Where several processes count together.
    pub redis: Option<RedisAddress>,
}

impl Limits {
    pub(super) fn read(file: Table, environment: &Variables) -> Result<Self, ConfigError> {
        let proxies = match environment.get("PATCHBAY_TRUSTED_PROXIES") {
            Some(text) => Some(text.split(',').map(str::to_owned).collect()),
            None => file.trusted_proxies,
        };
        let header =
            environment.get("PATCHBAY_CLIENT_ADDRESS_HEADER").map(str::to_owned).or(file.client_address_header);
        let pages = match environment.get("PATCHBAY_HOSTED_PAGES") {
            Some(text) => text.split(',').map(str::to_owned).collect(),
            None => file.hosted_pages,
        };
        let origin =
            |text: &String| PublicUrl::of_setting("PATCHBAY_HOSTED_PAGES", text.trim()).map(|url| url.to_string());
        let rate = |name, from_file: Option<u32>, otherwise| {
            let quota = number(name, environment, from_file, otherwise)?;
            Ok::<_, ConfigError>((quota > 0).then(|| Rate::per_minute(quota)))
        };
        let rates = Rates {
            pages: rate("PATCHBAY_PAGES_PER_MINUTE", file.pages_per_minute, 600)?,
            actions: rate("PATCHBAY_ACTIONS_PER_MINUTE", file.actions_per_minute, 120)?,
            visits: rate("PATCHBAY_VISITS_PER_MINUTE", file.visits_per_minute, 1_500)?,
            sign_ins: rate("PATCHBAY_SIGN_INS_PER_MINUTE", file.sign_ins_per_minute, 60)?,
        };
        let count = |name, from_file, otherwise| {
            let number = number(name, environment, from_file, otherwise)?;
            Ok::<_, ConfigError>(usize::try_from(number).unwrap_or(usize::MAX))
        };
        let redis = environment.get("REDIS_URL").map(str::to_owned).or(file.redis_url);
        Ok(Self {
            rates,
            live_streams: count("PATCHBAY_LIVE_STREAMS", file.live_streams, 1_000)?,
            live_streams_per_person: count("PATCHBAY_LIVE_STREAMS_PER_PERSON", file.live_streams_per_person, 16)?,
            redis: redis.map(|url| RedisAddress::read(url.trim())).transpose()?,
            trusted_proxies: TrustedProxies::read(proxies, header.as_deref())?,
            hosted_pages: pages.iter().map(origin).collect::<Result<_, _>>()?,
        })
    }
}

fn number(
    name: &'static str,
    environment: &Variables,
    from_file: Option<u32>,
    otherwise: u32,
) -> Result<u32, ConfigError> {
    match environment.get(name) {
        None => Ok(from_file.unwrap_or(otherwise)),
        Some(text) => text.parse().map_err(|_| ConfigError::Variable {
            name,
            message: format!("write a whole number, such as {otherwise}; it is \"{}\"", text.escape_debug()),
        }),
    }
}

/// Whose word counts about who asks and for which host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Arc<[IpNet]>,
    /// Where they write the client's address, if that is known.
    header: Option<HeaderName>,
}

impl TrustedProxies {
    /// Without a list, only proxies on this machine.
    fn read(networks: Option<Vec<String>>, header: Option<&str>) -> Result<Self, ConfigError> {
        let networks = networks.unwrap_or_else(|| ["127.0.0.0/8", "::1/128"].map(str::to_owned).into());
        let networks = networks.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
        let header = match header.map(str::trim).map(str::to_ascii_lowercase).as_deref() {
            None => None,
            Some("x-forwarded-for") => Some(X_FORWARDED_FOR),
            Some("forwarded") => Some(header::FORWARDED),
            Some(other) => {
                return Err(ConfigError::Variable {
                    name: "PATCHBAY_CLIENT_ADDRESS_HEADER",
                    message: format!("use x-forwarded-for or forwarded; it is \"{}\"", other.escape_debug()),
                });
            }
        };
        Ok(Self { networks: networks.map(network).collect::<Result<_, _>>()?, header })
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The header that names the client. Unless it is configured, the older one wins, which nearly every proxy writes:
    /// what stands beside it in the other was passed on as the client wrote it.
    pub fn header(&self, headers: &HeaderMap) -> HeaderName {
        match &self.header {
            Some(header) => header.clone(),
            None if headers.contains_key(X_FORWARDED_FOR) => X_FORWARDED_FOR,
            None => header::FORWARDED,
        }
    }
}

fn network(text: &str) -> Result<IpNet, ConfigError> {
    let parsed = text.parse().ok().or_else(|| text.parse().ok().map(|address: IpAddr| address.to_canonical().into()));
    parsed.ok_or_else(|| ConfigError::Variable {
        name: "PATCHBAY_TRUSTED_PROXIES",
        message: format!(
            "\"{}\" is no address and no network. Write them like 10.0.0.7, 10.0.0.0/8 or fd00::/8, separated by commas",
            text.escape_debug()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TrustedProxies, ConfigError> {
        TrustedProxies::read(Some(text.split(',').map(str::to_owned).collect()), None)
    }

    #[test]
    fn only_this_machine_is_trusted_unless_the_configuration_says_otherwise() {
        let proxies = TrustedProxies::read(None, None).unwrap();
        for (address, trusted) in
            [("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("10.0.0.1", false)]
        {
            assert_eq!(proxies.contains(address.parse().unwrap()), trusted, "{address}");
        }
        assert!(!read("").unwrap().contains("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn addresses_and_networks_are_read_and_everything_else_is_refused_by_its_name() {
        let proxies = read(" 10.0.0.0/8 ,192.168.1.7, fd00::/8").unwrap();
        for (address, trusted) in
            [("10.255.0.1", true), ("192.168.1.7", true), ("192.168.1.8", false), ("fd12::1", true), ("::1", false)]
        {
            assert_eq!(proxies.contains(address.parse().unwrap()), trusted, "{address}");
        }
        for wrong in ["10.0.0.0/33", "proxy.internal", "10.0.0", "*"] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.starts_with("PATCHBAY_TRUSTED_PROXIES") && error.contains(wrong), "{error}");
        }
        assert!(TrustedProxies::read(None, Some("X-Real-IP")).is_err());
    }

    #[test]
    fn numbers_and_the_address_of_redis_are_refused_by_their_names() {
        for (name, wrong) in [
            ("PATCHBAY_PAGES_PER_MINUTE", "many"),
            ("PATCHBAY_VISITS_PER_MINUTE", "-1"),
            ("PATCHBAY_LIVE_STREAMS", "1.5"),
            ("REDIS_URL", "redis.internal:6379"),
            ("REDIS_URL", "http://user:secret@redis.internal"),
        ] {
            let environment = Variables::new([(name.to_owned(), wrong.to_owned())].into());
            let error = Limits::read(Table::default(), &environment).err().unwrap().to_string();
            assert!(error.starts_with(name) && !error.contains("secret"), "{error}");
        }
        let off = Variables::new([("PATCHBAY_PAGES_PER_MINUTE".to_owned(), "0".to_owned())].into());
        let limits = Limits::read(Table::default(), &off).unwrap();
        assert_eq!((limits.rates.pages, limits.rates.visits), (None, Some(Rate::per_minute(1_500))));
    }
}
