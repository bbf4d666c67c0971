//! Whose records a list shows, where several connections have some: two accounts of one provider look alike in every column.

use super::{events::connection_options, records::ListQuery, stored::stored};
use crate::components::SelectField;
use leptos::prelude::*;
use patchbay_domain::{Kind, UserError};
use patchbay_engine::Staff;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    /// Connections that have records of the kind.
    names: Vec<String>,
    /// The one that the list is narrowed to.
    chosen: Option<String>,
}

impl Whose {
    pub async fn read(staff: &Staff, kind: &Kind, query: &ListQuery) -> Result<Self, UserError> {
        let names = stored(staff.store().connections_with(kind).await)?;
        Ok(Self { names, chosen: query.get("connection") })
    }

    pub fn chosen(&self) -> Option<&str> {
        self.chosen.as_deref()
    }

    /// Whether each row has to say it.
    pub fn differs(&self) -> bool {
        self.chosen.is_none() && self.names.len() > 1
    }

    fn can_choose(&self) -> bool {
        self.chosen.is_some() || self.names.len() > 1
    }
}

/// The choice among them, where there is one.
#[component]
pub fn WhoseField(whose: Whose) -> impl IntoView {
    whose.can_choose().then(|| {
        let value = whose.chosen.clone().unwrap_or_default();
        let options = connection_options(whose.names, whose.chosen);
        view! { <SelectField label="Connection" name="connection" compact=true options=options value=value/> }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_whose_they_are_only_where_they_can_differ() {
        let of = |names: &[&str], chosen: Option<&str>| Whose {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            chosen: chosen.map(str::to_owned),
        };
        let (one, two) = (of(&["stripe"], None), of(&["stripe", "stripe@acct_1"], None));
        assert_eq!((one.differs(), one.can_choose()), (false, false));
        assert_eq!((two.differs(), two.can_choose()), (true, true));
        let narrowed = of(&["stripe", "stripe@acct_1"], Some("stripe"));
        assert_eq!((narrowed.differs(), narrowed.can_choose()), (false, true));
        // A link to a connection that has nothing any more can be widened.
        assert!(of(&[], Some("gone")).can_choose());
    }
}
