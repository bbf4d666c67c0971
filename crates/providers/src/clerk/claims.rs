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
    /// The user id of somebody else who is signed in as this person.
    pub impersonator: Option<String>,
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
    /// In full, whichever version the token has: `org:billing:manage`.
    pub permissions: Vec<String>,
}

impl OrganisationClaim {
    /// Whether the person has this role (`admin`, `org:admin`) or permission (`org:billing:manage`).
    pub fn has(&self, role_or_permission: &str) -> bool {
        let role = role_or_permission.strip_prefix("org:").unwrap_or(role_or_permission);
        (!role.is_empty() && role == self.role) || self.permissions.iter().any(|one| one == role_or_permission)
    }
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
    /// Features of the plan, `o:` before those of the organisation; the map of permissions goes by them.
    #[serde(default)]
    fea: Option<String>,
    /// Of somebody who is signed in as this person.
    #[serde(default)]
    act: Value,
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
    #[serde(default)]
    fpm: Option<String>,
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
                permissions: permissions(
                    self.fea.as_deref().unwrap_or_default(),
                    o.per.as_deref().unwrap_or_default(),
                    o.fpm.as_deref().unwrap_or_default(),
                ),
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
            impersonator: impersonator(&self.act),
            issued_at: self.iat.map(Timestamp::from_seconds),
            expires_at: Timestamp::from_seconds(self.exp),
        }
    }
}

/// Version 2 packs them: the i-th number of `map` belongs to the i-th of `features`, its bit j to the j-th of `names`.
fn permissions(features: &str, names: &str, map: &str) -> Vec<String> {
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    let mut all = Vec::new();
    for (feature, bits) in features.split(',').zip(map.split(',')) {
        // Features of the person, not of the organisation, are `u:`; those of both `uo:`.
        let Some((scope, feature)) = feature.trim().split_once(':') else { continue };
        let (true, Ok(bits)) = (scope.contains('o'), bits.trim().parse::<u64>()) else { continue };
        let allowed = names.iter().take(64).enumerate().filter(|(at, name)| bits >> at & 1 == 1 && !name.is_empty());
        all.extend(allowed.map(|(_, name)| format!("org:{feature}:{name}")));
    }
    all
}

/// Whoever is named there is not the person of the token. A claim that cannot be read still says that it is somebody else.
fn impersonator(act: &Value) -> Option<String> {
    match act {
        Value::Null => None,
        act => Some(text(&act["sub"]).unwrap_or_else(|| "unknown".to_owned())),
    }
}

fn bare_role(role: Option<String>) -> String {
    let role = role.unwrap_or_default();
    role.strip_prefix("org:").unwrap_or(&role).to_owned()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}
