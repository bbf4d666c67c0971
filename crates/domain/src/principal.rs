//! Who is asking. A handler gets at the application only through one of these.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Staff who may look and act.
    StaffAdmin,
    /// Staff who may look.
    StaffViewer,
    /// A customer; sees the own organisation only.
    Customer,
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
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    pub id: String,
    pub name: String,
}

impl Principal {
    pub fn is_staff(&self) -> bool {
        matches!(self.role, Role::StaffAdmin | Role::StaffViewer)
    }

    pub fn may_act(&self) -> bool {
        self.role == Role::StaffAdmin
    }
}
