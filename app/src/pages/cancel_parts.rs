//! Why somebody leaves: the same questions for staff and customers.

use crate::{
    components::{SelectField, TextareaField},
    context::request,
};
use leptos::prelude::*;

/// The provider's words, and how people say them.
const REASONS: [(&str, &str); 9] = [
    ("", "Rather not say"),
    ("too_expensive", "Too expensive"),
    ("missing_features", "Something is missing"),
    ("switched_service", "Another service is used instead"),
    ("unused", "Not used enough"),
    ("customer_service", "The support was not good"),
    ("too_complex", "Too complicated"),
    ("low_quality", "The quality was not good enough"),
    ("other", "Another reason"),
];

#[component]
pub fn ReasonFields(
    /// What becomes of the comment.
    hint: &'static str,
) -> impl IntoView {
    // After a failure: as they were sent.
    let request = request();
    let (chosen, typed) = (request.draft("feedback").unwrap_or_default(), request.draft("comment").unwrap_or_default());
    let options = REASONS.map(|(value, label)| (value.to_owned(), label.to_owned())).to_vec();
    view! {
        <SelectField label="Reason" name="feedback" options=options value=chosen/>
        <TextareaField label="Comment" name="comment" rows=3 hint=hint value=typed/>
    }
}

/// One of the reasons above, or none. Anything else was not chosen from the list.
pub fn known_reason(feedback: &str) -> Option<String> {
    REASONS.iter().any(|(value, _)| !value.is_empty() && *value == feedback).then(|| feedback.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_reasons_from_the_list_go_to_the_provider() {
        assert_eq!(super::known_reason("unused").as_deref(), Some("unused"));
        assert_eq!(super::known_reason(""), None);
        assert_eq!(super::known_reason("drop table"), None);
    }
}
