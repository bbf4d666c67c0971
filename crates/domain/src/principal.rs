//! Who is asking. A handler gets at the application only through one of these.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Staff who may look and act.
    StaffAdmin,
    /// Staff who may look.
    StaffViewer,
    /// Of a customer's organisation, and may act for it in billing; sees the own organisation only.
    CustomerManager,
    /// Of a customer's organisation, and may look; sees the own organisation only.
    CustomerMember,
}

/// A signed-in person, as the identity provider vouches for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The identity provider's user id.
    pub user_id: String,
    /// What to call them on screen and in the audit log.
    pub name: String,
    pub role: Role,
    /// The organisation a customer acts for. Staff act for none.
    pub organisation: Option<Organisation>,
    /// The identity provider's id of the sign-in, where it names one.
    pub session: Option<String>,
    /// The identity provider's user id of somebody else who is signed in as this person.
    pub impersonator: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    pub id: String,
    pub name: String,
}

impl Principal {
    /// Somebody as themselves, of no organisation and no particular session.
    pub fn new(user_id: impl Into<String>, name: impl Into<String>, role: Role) -> Self {
        Self { user_id: user_id.into(), name: name.into(), role, organisation: None, session: None, impersonator: None }
    }

    pub fn is_staff(&self) -> bool {
        matches!(self.role, Role::StaffAdmin | Role::StaffViewer)
    }

    /// Whether staff may change what they see.
    pub fn may_act(&self) -> bool {
        self.role == Role::StaffAdmin
    }

    /// Whether a customer may act in the billing of their organisation.
    pub fn may_bill(&self) -> bool {
        self.role == Role::CustomerManager
    }
}
