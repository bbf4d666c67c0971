//! Who one can be.

/// Id of the organisation whose members are staff.
pub const STAFF_ORGANISATION: &str = "org_sandbox_staff";

/// Somebody to sign in as.
#[derive(Debug, PartialEq, Eq)]
pub struct Person {
    /// What the form sends.
    pub key: &'static str,
    pub user_id: &'static str,
    pub name: &'static str,
    /// What they are, beside the name on the button.
    pub is: &'static str,
    pub organisation: &'static str,
    pub organisation_name: &'static str,
    pub slug: &'static str,
    /// As Clerk has it in a token: without `org:`.
    pub role: &'static str,
}

impl Person {
    /// The person of a form's value.
    pub fn by_key(key: &str) -> Option<&'static Self> {
        PEOPLE.iter().find(|person| person.key == key)
    }

    pub(super) fn is_staff(&self) -> bool {
        self.organisation == STAFF_ORGANISATION
    }

    /// Where they land without a better idea.
    pub(super) fn home(&self) -> &'static str {
        if self.is_staff() { "/" } else { "/billing" }
    }
}

/// Everybody, in the order of the page.
pub const PEOPLE: [Person; 4] = [
    Person {
        key: "ada",
        user_id: "user_sandbox_ada",
        name: "Ada Okafor",
        is: "staff admin",
        organisation: STAFF_ORGANISATION,
        organisation_name: "Patchbay staff",
        slug: "patchbay-staff",
        role: "admin",
    },
    Person {
        key: "ben",
        user_id: "user_sandbox_ben",
        name: "Ben Lindqvist",
        is: "staff viewer",
        organisation: STAFF_ORGANISATION,
        organisation_name: "Patchbay staff",
        slug: "patchbay-staff",
        role: "viewer",
    },
    Person {
        key: "chiara",
        user_id: "user_sandbox_chiara",
        name: "Chiara Rossi",
        is: "Northwind Traders",
        organisation: "org_sandbox_northwind",
        organisation_name: "Northwind Traders",
        slug: "northwind-traders",
        role: "admin",
    },
    Person {
        key: "daichi",
        user_id: "user_sandbox_daichi",
        name: "Daichi Umbra",
        is: "Umbra Labs",
        organisation: "org_sandbox_umbra",
        organisation_name: "Umbra Labs",
        slug: "umbra-labs",
        role: "admin",
    },
];
