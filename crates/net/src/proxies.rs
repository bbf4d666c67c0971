//! Proxies on the way out, by the variables that every tool knows.

use std::fmt;
use url::Url;

/// Where these count, the proxy is never asked.
const THIS_MACHINE: &str = "localhost,127.0.0.0/8,::1";

/// Which proxy is used for what. Its `Debug` shows no password.
#[derive(Clone, Default)]
pub struct Proxies {
    https: Option<Url>,
    http: Option<Url>,
    except: String,
}

#[derive(Debug, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ProxyError {
    pub variable: &'static str,
    pub problem: &'static str,
}

impl Proxies {
    /// Reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, or the same in small letters.
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ProxyError> {
        let read = |name: &'static str| {
            let value = variable(name).or_else(|| variable(&name.to_ascii_lowercase()));
            value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let proxy = |name: &'static str| read(name).map(|value| address(name, &value)).transpose();
        let all = proxy("ALL_PROXY")?;
        Ok(Self {
            https: proxy("HTTPS_PROXY")?.or_else(|| all.clone()),
            http: proxy("HTTP_PROXY")?.or(all),
            except: read("NO_PROXY").unwrap_or_default(),
        })
    }

    pub(crate) fn of_reqwest(&self) -> Result<Vec<reqwest::Proxy>, reqwest::Error> {
        let except = || reqwest::NoProxy::from_string(&format!("{THIS_MACHINE},{}", self.except));
        let mut proxies = Vec::new();
        if let Some(proxy) = &self.https {
            proxies.push(reqwest::Proxy::https(proxy.clone())?.no_proxy(except()));
        }
        if let Some(proxy) = &self.http {
            proxies.push(reqwest::Proxy::http(proxy.clone())?.no_proxy(except()));
        }
        Ok(proxies)
    }

    /// Host and port of the proxy for https, for people.
    pub fn for_https(&self) -> Option<String> {
        self.https.as_ref().map(place)
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies")
            .field("https", &self.https.as_ref().map(place))
            .field("http", &self.http.as_ref().map(place))
            .field("except", &self.except)
            .finish()
    }
}

fn place(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// As curl does, `proxy:3128` is taken for `http://proxy:3128`.
fn address(variable: &'static str, value: &str) -> Result<Url, ProxyError> {
    let text = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&text).ok().filter(Url::has_host);
    let url = url.ok_or(ProxyError { variable, problem: "is not an address such as http://proxy.example.com:3128" })?;
    if matches!(url.scheme(), "http" | "https") {
        Ok(url)
    } else {
        Err(ProxyError { variable, problem: "only http:// and https:// proxies are known here" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(pairs: &[(&str, &str)]) -> Result<Proxies, ProxyError> {
        Proxies::from_variables(&|name| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_proxy_is_written_with_or_without_its_scheme_and_in_either_case() {
        for (name, value) in [
            ("HTTPS_PROXY", "proxy.example:3128"),
            ("https_proxy", "http://proxy.example:3128/"),
            ("all_proxy", " http://proxy.example:3128 "),
        ] {
            assert_eq!(proxies(&[(name, value)]).unwrap().for_https().as_deref(), Some("proxy.example:3128"), "{name}");
        }
        assert_eq!(proxies(&[("HTTP_PROXY", "http://proxy.example"), ("HTTPS_PROXY", " ")]).unwrap().for_https(), None);
    }

    #[test]
    fn what_cannot_be_a_proxy_is_refused_by_name_and_without_its_password() {
        for value in ["socks5://ada:hush@proxy.example:1080", "http://", "http://ada:hush@"] {
            let error = proxies(&[("HTTPS_PROXY", value)]).unwrap_err().to_string();
            assert!(error.starts_with("HTTPS_PROXY: ") && !error.contains("hush"), "{error}");
        }
        let shown = format!("{:?}", proxies(&[("HTTPS_PROXY", "http://ada:hush@proxy.example")]).unwrap());
        assert!(shown.contains("proxy.example:80") && !shown.contains("hush"), "{shown}");
    }
}
