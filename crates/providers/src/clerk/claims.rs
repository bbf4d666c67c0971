//! What a session token says, in both of Clerk's shapes.

use patchbay_domain::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// The claims of a token that passed every check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionClaims {
    /// `user_…`
    pub user_id: String,
    /// `sess_…`
    pub session_id: Option<String>,
    /// From the custom claim `name`, where the instance adds one.
    pub name: Option<String>,
    /// The organisation that the person acts for just now.
    pub organisation: Option<OrganisationClaim>,
    /// When the token was made, where it says so.
    pub issued_at: Option<Timestamp>,
    /// When the token, not the session, ends.
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganisationClaim {
    /// `org_…`
    pub id: String,
    /// Part of URLs at Clerk.
    pub slug: Option<String>,
    /// From the custom claim `org_name`, where the instance adds one.
    pub name: Option<String>,
    /// Without Clerk's `org:` in front: `admin`.
    pub role: String,
    /// Names of the permissions, as Clerk writes them in this version of the token.
    pub permissions: Vec<String>,
}

/// The claims as they are written. Whatever is not listed is ignored.
#[derive(Deserialize)]
pub(super) struct Wire {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) exp: i64,
    #[serde(default)]
    pub(super) nbf: Option<i64>,
    #[serde(default)]
    pub(super) iat: Option<i64>,
    #[serde(default)]
    pub(super) azp: Option<String>,
    /// `pending` while the session has a task to do.
    #[serde(default)]
    pub(super) sts: Option<String>,
    #[serde(default)]
    sid: Option<String>,
    /// 2, or nothing in the older shape.
    #[serde(default)]
    v: Option<i64>,
    #[serde(default)]
    o: Option<WireOrganisation>,
    #[serde(default)]
    org_id: Option<String>,
    #[serde(default)]
    org_slug: Option<String>,
    #[serde(default)]
    org_role: Option<String>,
    #[serde(default)]
    org_permissions: Option<Vec<String>>,
    /// A custom claim, so anything may be in it.
    #[serde(default)]
    name: Value,
    #[serde(default)]
    org_name: Value,
}

#[derive(Deserialize)]
struct WireOrganisation {
    id: String,
    #[serde(default)]
    slg: Option<String>,
    #[serde(default)]
    rol: Option<String>,
    #[serde(default)]
    per: Option<String>,
}

impl Wire {
    pub(super) fn into_claims(self) -> SessionClaims {
        let org_name = text(&self.org_name);
        let organisation = if self.v.is_some_and(|version| version >= 2) {
            self.o.map(|o| OrganisationClaim {
                id: o.id,
                slug: o.slg,
                name: org_name,
                role: bare_role(o.rol),
                permissions: o
                    .per
                    .iter()
                    .flat_map(|list| list.split(','))
                    .filter(|one| !one.is_empty())
                    .map(str::to_owned)
                    .collect(),
            })
        } else {
            self.org_id.map(|id| OrganisationClaim {
                id,
                slug: self.org_slug,
                name: org_name,
                role: bare_role(self.org_role),
                permissions: self.org_permissions.unwrap_or_default(),
            })
        };
        SessionClaims {
            user_id: self.sub,
            session_id: self.sid,
            name: text(&self.name),
            organisation,
            issued_at: self.iat.map(Timestamp::from_seconds),
            expires_at: Timestamp::from_seconds(self.exp),
        }
    }
}

fn bare_role(role: Option<String>) -> String {
    let role = role.unwrap_or_default();
    role.strip_prefix("org:").unwrap_or(&role).to_owned()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}
