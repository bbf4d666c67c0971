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
    /// The user id of somebody of staff who is signed in as this person.
    pub impersonator: Option<&'static str>,
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
pub const PEOPLE: [Person; 9] = [
    Person {
        key: "ada",
        user_id: "user_sandbox_ada",
        name: "Ada Okafor",
        is: "staff admin",
        organisation: STAFF_ORGANISATION,
        organisation_name: "Patchbay staff",
        slug: "patchbay-staff",
        role: "admin",
        impersonator: None,
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
        impersonator: None,
    },
    Person {
        key: "chiara",
        user_id: "user_sandbox_chiara",
        name: "Chiara Rossi",
        is: "Northwind Traders, admin",
        organisation: "org_sandbox_northwind",
        organisation_name: "Northwind Traders",
        slug: "northwind-traders",
        role: "admin",
        impersonator: None,
    },
    Person {
        key: "emeka",
        user_id: "user_sandbox_emeka",
        name: "Emeka Obi",
        is: "Northwind Traders, member",
        organisation: "org_sandbox_northwind",
        organisation_name: "Northwind Traders",
        slug: "northwind-traders",
        role: "member",
        impersonator: None,
    },
    Person {
        key: "daichi",
        user_id: "user_sandbox_daichi",
        name: "Daichi Umbra",
        is: "Umbra Labs, admin",
        organisation: "org_sandbox_umbra",
        organisation_name: "Umbra Labs",
        slug: "umbra-labs",
        role: "admin",
        impersonator: None,
    },
    Person {
        key: "fumiko",
        user_id: "user_sandbox_fumiko",
        name: "Fumiko Abe",
        is: "Northwind Traders, admin, impersonated by staff",
        organisation: "org_sandbox_northwind",
        organisation_name: "Northwind Traders",
        slug: "northwind-traders",
        role: "admin",
        impersonator: Some("user_sandbox_ada"),
    },
    Person {
        key: "greta",
        user_id: "user_sandbox_greta",
        name: "Greta Lind",
        is: "Lumen Analytics, admin",
        organisation: "org_sandbox_lumen",
        organisation_name: "Lumen Analytics",
        slug: "lumen-analytics",
        role: "admin",
        impersonator: None,
    },
    Person {
        key: "hugo",
        user_id: "user_sandbox_hugo",
        name: "Hugo Marin",
        is: "Fabrikam Studios, admin",
        organisation: "org_sandbox_fabrikam",
        organisation_name: "Fabrikam Studios",
        slug: "fabrikam-studios",
        role: "admin",
        impersonator: None,
    },
    Person {
        key: "ines",
        user_id: "user_sandbox_ines",
        name: "Ines Faria",
        is: "Contoso Media, admin",
        organisation: "org_sandbox_contoso",
        organisation_name: "Contoso Media",
        slug: "contoso-media",
        role: "admin",
        impersonator: None,
    },
];
