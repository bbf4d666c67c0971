//! Form bodies with nested names, such as `items[0][price]=price_1&expand[]=customer`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::errors::ApiError;
use super::model::Metadata;

/// A value of a form: text, or named parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Text(String),
    Parts(Form),
}

/// The named parts of a form. Parts of a list are named by their index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form(BTreeMap<String, Node>);

impl Form {
    /// Reads a body or query string.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, ApiError> {
        let mut form = Self::default();
        for (name, value) in url::form_urlencoded::parse(text) {
            let path =
                path_of(&name).ok_or_else(|| ApiError::invalid(format!("Invalid parameter name: {name}")).of(&name))?;
            form.insert(&path, value.into_owned())
                .map_err(|()| ApiError::invalid(format!("Invalid object: {name}")).of(&name))?;
        }
        Ok(form)
    }

    fn insert(&mut self, path: &[String], value: String) -> Result<(), ()> {
        let [first, rest @ ..] = path else {
            return Err(());
        };
        let name = if first.is_empty() { self.next_index() } else { first.clone() };
        if rest.is_empty() {
            self.0.insert(name, Node::Text(value));
            return Ok(());
        }
        match self.0.entry(name).or_insert_with(|| Node::Parts(Form::default())) {
            Node::Parts(parts) => parts.insert(rest, value),
            Node::Text(_) => Err(()),
        }
    }

    /// Sets a text.
    pub(crate) fn put(&mut self, name: &str, text: String) {
        self.0.insert(name.to_owned(), Node::Text(text));
    }

    /// Takes a name out.
    pub(crate) fn take(&mut self, name: &str) {
        self.0.remove(name);
    }

    fn next_index(&self) -> String {
        format!("{:06}", self.0.len())
    }

    fn other_than(&self, names: &[&str]) -> Option<&String> {
        self.0.keys().find(|name| !names.contains(&name.as_str()))
    }

    /// Refuses names that are not in the list.
    pub(crate) fn only(&self, names: &[&str]) -> Result<(), ApiError> {
        let other = self.other_than(&[names, &["expand"]].concat());
        other.map_or(Ok(()), |name| Err(ApiError::unknown(name)))
    }

    /// The same for the parts under `name`, whose errors carry the whole name.
    pub(crate) fn only_in(&self, name: &str, names: &[&str]) -> Result<(), ApiError> {
        let other = self.parts(name).and_then(|parts| parts.other_than(names));
        other.map_or(Ok(()), |part| Err(ApiError::unknown(&format!("{name}[{part}]"))))
    }

    /// The same for each part of the list under `name`.
    pub(crate) fn only_in_each(&self, name: &str, names: &[&str]) -> Result<(), ApiError> {
        for (at, part) in self.list(name).into_iter().enumerate() {
            if let Some(other) = part.other_than(names) {
                return Err(ApiError::unknown(&format!("{name}[{at}][{other}]")));
            }
        }
        Ok(())
    }

    /// One of some words.
    pub(crate) fn word<'a>(&'a self, name: &str, words: &[&str]) -> Result<Option<&'a str>, ApiError> {
        match self.text(name) {
            Some(word) if !words.contains(&word) => {
                let all = words.join(", ");
                Err(ApiError::invalid(format!("Invalid {name}: must be one of {all}; got {word}")).of(name))
            }
            word => Ok(word),
        }
    }

    /// Texts under these names, null where there is none.
    pub(crate) fn object(&self, names: &[&str]) -> Value {
        names.iter().map(|name| ((*name).to_owned(), Value::from(self.text(name)))).collect()
    }

    /// Whether the name was given at all, even empty.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The text of a name; an empty one counts as none.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Node::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The text of a name that has to be there.
    pub(crate) fn need(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| ApiError::missing(name))
    }

    /// A whole number.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.text(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    ApiError::invalid(format!("Invalid integer: {text}")).of(name).code("parameter_invalid_integer")
                })
            })
            .transpose()
    }

    /// A whole number within a span.
    pub(crate) fn within(&self, name: &str, span: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, ApiError> {
        match self.int(name)? {
            Some(number) if !span.contains(&number) => Err(ApiError::invalid(format!(
                "Invalid {name}: {number} is not between {} and {}.",
                span.start(),
                span.end()
            ))
            .of(name)),
            number => Ok(number),
        }
    }

    /// True or false.
    pub(crate) fn truth(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(text) => {
                Err(ApiError::invalid(format!("Invalid boolean: {text} - must be either 'true' or 'false'")).of(name))
            }
        }
    }

    /// The named parts under a name.
    pub(crate) fn parts(&self, name: &str) -> Option<&Form> {
        match self.0.get(name) {
            Some(Node::Parts(parts)) => Some(parts),
            _ => None,
        }
    }

    /// The text under `name[part]`.
    pub(crate) fn deep(&self, name: &str, part: &str) -> Option<&str> {
        self.parts(name).and_then(|parts| parts.text(part))
    }

    /// The parts of a list of objects.
    pub(crate) fn list(&self, name: &str) -> Vec<&Form> {
        let mut found: Vec<(&str, &Form)> = self
            .parts(name)
            .map(|parts| {
                parts
                    .0
                    .iter()
                    .filter_map(|(index, node)| match node {
                        Node::Parts(parts) => Some((index.as_str(), parts)),
                        Node::Text(_) => None,
                    })
                    .collect()
            })
            .unwrap_or_default();
        found.sort_by_key(|(index, _)| index.parse::<u32>().unwrap_or(u32::MAX));
        found.into_iter().map(|(_, parts)| parts).collect()
    }

    /// The texts of a list.
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        match self.0.get(name) {
            Some(Node::Text(text)) if !text.is_empty() => vec![text],
            Some(Node::Parts(parts)) => parts
                .0
                .values()
                .filter_map(|node| match node {
                    Node::Text(text) => Some(text.as_str()),
                    Node::Parts(_) => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Applies the `metadata` of a request: an empty value removes a key, an empty `metadata` removes all.
    pub(crate) fn merge_metadata(&self, into: &mut Metadata) {
        match self.0.get("metadata") {
            Some(Node::Text(text)) if text.is_empty() => into.clear(),
            Some(Node::Parts(parts)) => {
                for (name, node) in &parts.0 {
                    match node {
                        Node::Text(text) if text.is_empty() => {
                            into.remove(name);
                        }
                        Node::Text(text) => {
                            into.insert(name.clone(), text.clone());
                        }
                        Node::Parts(_) => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// The `metadata` of a new object.
    pub(crate) fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::new();
        self.merge_metadata(&mut metadata);
        metadata
    }

    /// One text for the whole form, the same for the same content.
    pub(crate) fn canonical(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Every text with its full name, such as `items[0][price]`.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for (name, node) in &self.0 {
            match node {
                Node::Text(text) => pairs.push((name.clone(), text.clone())),
                Node::Parts(parts) => parts.pairs_below(name, &mut pairs),
            }
        }
        pairs
    }

    fn pairs_below(&self, above: &str, pairs: &mut Vec<(String, String)>) {
        for (name, node) in &self.0 {
            let name = format!("{above}[{name}]");
            match node {
                Node::Text(text) => pairs.push((name, text.clone())),
                Node::Parts(parts) => parts.pairs_below(&name, pairs),
            }
        }
    }

    fn write(&self, out: &mut String) {
        for (name, node) in &self.0 {
            out.push_str(name);
            match node {
                Node::Text(text) => {
                    out.push('=');
                    out.push_str(text);
                    out.push('\u{1}');
                }
                Node::Parts(parts) => {
                    out.push('{');
                    parts.write(out);
                    out.push('}');
                }
            }
        }
    }
}

/// What a request says of a value that may also be taken away.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Said<T> {
    Nothing,
    Away,
    To(T),
}

impl<T> Said<T> {
    /// What it is to be; nothing if it is taken away or not said.
    pub(crate) fn value(self) -> Option<T> {
        if let Self::To(value) = self { Some(value) } else { None }
    }
}

/// `a[b][]` → `a`, `b`, and an empty name for "the next one".
fn path_of(name: &str) -> Option<Vec<String>> {
    let Some((head, tail)) = name.split_once('[') else {
        return (!name.is_empty()).then(|| vec![name.to_owned()]);
    };
    let tail = tail.strip_suffix(']')?;
    if head.is_empty() {
        return None;
    }
    let mut path = vec![head.to_owned()];
    path.extend(tail.split("][").map(str::to_owned));
    (path.len() <= 8).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_nest() {
        let form = Form::parse(b"items%5B0%5D%5Bprice%5D=price_1&items[0][quantity]=2&items[1][price]=price_2&expand[]=customer&expand[]=items&metadata[a]=b&x=")
            .expect("valid");
        let items = form.list("items");
        assert_eq!(items.len(), 2);
        assert_eq!(items[0].text("price"), Some("price_1"));
        assert_eq!(items[0].int("quantity"), Ok(Some(2)));
        assert_eq!(form.texts("expand"), ["customer", "items"]);
        assert_eq!(form.metadata().get("a").map(String::as_str), Some("b"));
        assert!(form.has("x") && form.text("x").is_none());
    }

    #[test]
    fn a_broken_name_is_refused() {
        assert!(Form::parse(b"a[b=c").is_err());
        assert!(Form::parse(b"a=1&a[b]=c").is_err());
        assert_eq!(Form::default().int("limit"), Ok(None));
        assert!(Form::parse(b"limit=ten").expect("valid").int("limit").is_err());
    }
}
