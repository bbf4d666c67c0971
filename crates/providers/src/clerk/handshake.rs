//! The answer of Clerk's handshake: cookies that it wants set on our site, signed like a session token.

use super::{
    claims::SessionClaims,
    session::{SessionError, SessionVerifier},
};
use serde::Deserialize;

/// The cookie of the session token.
const SESSION: &str = "__session";
/// Cookies that are Clerk's to set begin with one of these; some carry the instance's id after an underscore.
const CLERKS: [&str; 4] = [SESSION, "__client_uat", "__clerk_", "__refresh"];

/// What a genuine handshake brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// Values for `Set-Cookie`, as Clerk wrote them. They hold the session token: never log them.
    pub cookies: Vec<String>,
    /// Whoever is signed in by the token among them; none when they sign out.
    pub session: Option<SessionClaims>,
}

#[derive(Deserialize)]
struct Wire {
    handshake: Vec<String>,
}

impl SessionVerifier {
    /// Checks the answer of a handshake. It counts only if the session token in it, if any, is valid now.
    pub async fn handshake(&self, token: &str) -> Result<Handshake, SessionError> {
        let wire: Wire = self.signed(token).await?;
        let cookies: Vec<String> = wire.handshake.into_iter().filter(|cookie| is_clerks(cookie)).collect();
        let token = cookies.iter().filter_map(|cookie| value_of(cookie, SESSION)).find(|value| !value.is_empty());
        let session = match token {
            Some(token) => Some(self.verify(token).await?),
            None => None,
        };
        Ok(Handshake { cookies, session })
    }
}

/// Clerk sets cookies of its own only, and none that could end the header early.
fn is_clerks(cookie: &str) -> bool {
    let name = cookie.split('=').next().unwrap_or_default().trim();
    CLERKS.iter().any(|begin| name.starts_with(begin)) && cookie.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn value_of<'a>(cookie: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = cookie.split(';').next()?.split_once('=')?;
    (found.trim() == name).then(|| value.trim())
}

#[cfg(test)]
mod tests {
    use super::is_clerks;

    #[test]
    fn only_clerks_own_cookies_are_taken() {
        for cookie in
            ["__session=a; Path=/", "__session_1a2b=a", "__client_uat=0", "__clerk_db_jwt=x", "__refresh_1a=y"]
        {
            assert!(is_clerks(cookie), "{cookie}");
        }
        for cookie in ["flash=success=1", "theme=dark", "=__session", "__session=a\r\nLocation: x", ""] {
            assert!(!is_clerks(cookie), "{cookie}");
        }
    }
}
