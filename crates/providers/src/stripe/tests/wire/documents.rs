//! Holds a request against a document in the manner of `OpenAPI`: its path, and the name, shape and value of every parameter.

use serde_json::Value;
use std::collections::BTreeMap;

const FORM: &str = "/requestBody/content/application~1x-www-form-urlencoded/schema";

/// A request as it was sent: the parameters of its query and of its form.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
}

impl Request {
    pub(super) fn new(method: &str, path_and_query: &str, form: &str) -> Self {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let pairs = |text: &str| url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        Self { method: method.to_lowercase(), path: path.to_owned(), query: pairs(query), form: pairs(form) }
    }
}

/// Parameters as they are nested: `a[b][0]=c` is a branch `a` with a branch `b` with a leaf `0`.
enum Sent {
    Leaf(String),
    Branch(BTreeMap<String, Sent>),
}

impl Sent {
    fn read(pairs: &[(String, String)]) -> Result<BTreeMap<String, Self>, String> {
        let mut root = BTreeMap::new();
        for (name, value) in pairs {
            let (first, rest) = name.split_once('[').unwrap_or((name, ""));
            let inner = rest.strip_suffix(']').map(|rest| rest.split("][").collect()).unwrap_or_default();
            if name != first && rest.strip_suffix(']').is_none() {
                return Err(format!("{name}: brackets that do not match"));
            }
            Self::put(&mut root, first, inner, value).map_err(|fault| format!("{name}: {fault}"))?;
        }
        Ok(root)
    }

    fn put(to: &mut BTreeMap<String, Self>, name: &str, inner: Vec<&str>, value: &str) -> Result<(), &'static str> {
        let mut inner = inner.into_iter();
        let Some(next) = inner.next() else {
            let before = to.insert(name.to_owned(), Self::Leaf(value.to_owned()));
            return before.map_or(Ok(()), |_| Err("sent twice"));
        };
        match to.entry(name.to_owned()).or_insert_with(|| Self::Branch(BTreeMap::new())) {
            Self::Branch(branch) => Self::put(branch, next, inner.collect(), value),
            Self::Leaf(_) => Err("sent as a value and with something in it"),
        }
    }
}

/// `/v1/subscriptions/{id}` without what the variable is called, which differs between documents.
pub(super) fn template(path: &str) -> String {
    let segment = |segment: &str| if segment.starts_with('{') { "{}".to_owned() } else { segment.to_owned() };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

pub(super) struct Document(Value);

impl Document {
    pub(super) fn new(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap())
    }

    pub(super) fn version(&self) -> &str {
        self.0["info"]["version"].as_str().unwrap()
    }

    fn paths(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0["paths"].as_object().unwrap().iter()
    }

    /// All operations, by method and template.
    pub(super) fn operations(&self) -> Vec<(String, String)> {
        let of = |(path, methods): (&String, &Value)| {
            let path = template(path);
            methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())).collect::<Vec<_>>()
        };
        self.paths().flat_map(of).collect()
    }

    /// The template that a path follows; where several do, the one with the most words of its own.
    pub(super) fn template_of(&self, request: &Request) -> Option<String> {
        let fits = |template: &str| {
            let (mut has, mut wants) = (request.path.split('/'), template.split('/'));
            let same = |(has, wants): (&str, &str)| has == wants || (wants == "{}" && !has.is_empty());
            has.by_ref().zip(wants.by_ref()).all(same) && request.path.split('/').count() == template.split('/').count()
        };
        let found = self.operations().into_iter().filter(|(method, _)| *method == request.method);
        found
            .map(|(_, template)| template)
            .filter(|template| fits(template))
            .min_by_key(|path| path.matches("{}").count())
    }

    /// What is wrong with the parameters of a request, by this operation's description.
    pub(super) fn faults(&self, template_of_it: &str, request: &Request) -> Vec<String> {
        let (_, methods) =
            self.paths().find(|(path, _)| template(path) == template_of_it).expect("a path of this document");
        let operation = &methods[&request.method];
        let mut faults = Vec::new();
        match Sent::read(&request.query) {
            Ok(sent) => query_faults(operation["parameters"].as_array(), &sent, &mut faults),
            Err(fault) => faults.push(fault),
        }
        match (Sent::read(&request.form), operation.pointer(FORM)) {
            (Ok(sent), Some(schema)) => object_faults("", schema, &sent, &mut faults),
            (Ok(sent), None) => faults.extend(sent.keys().map(|name| format!("{name}: there is no form"))),
            (Err(fault), _) => faults.push(fault),
        }
        faults
    }
}

fn query_faults(described: Option<&Vec<Value>>, sent: &BTreeMap<String, Sent>, faults: &mut Vec<String>) {
    let described = || described.into_iter().flatten().filter(|parameter| parameter["in"] == "query");
    for (name, value) in sent {
        match described().find(|parameter| parameter["name"] == **name) {
            Some(parameter) => value_faults(name, &parameter["schema"], value, faults),
            None => faults.push(format!("{name}: no such parameter")),
        }
    }
    for parameter in described().filter(|parameter| parameter["required"] == true) {
        let name = parameter["name"].as_str().unwrap_or_default();
        if !sent.contains_key(name) {
            faults.push(format!("{name}: required"));
        }
    }
}

fn object_faults(at: &str, schema: &Value, sent: &BTreeMap<String, Sent>, faults: &mut Vec<String>) {
    let inside = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}[{name}]") };
    let (properties, free) = (&schema["properties"], &schema["additionalProperties"]);
    if properties.is_null() && free.is_null() && !sent.is_empty() {
        return faults.push(format!("{at}: the document does not say what is in it"));
    }
    for (name, value) in sent {
        match properties.get(name).or(free.is_object().then_some(free)) {
            Some(schema) => value_faults(&inside(name), schema, value, faults),
            None => faults.push(format!("{}: no such parameter", inside(name))),
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !sent.contains_key(name) {
            faults.push(format!("{}: required", inside(name)));
        }
    }
}

fn value_faults(at: &str, schema: &Value, sent: &Sent, faults: &mut Vec<String>) {
    if let Some(choices) = schema["anyOf"].as_array() {
        let tried = choices.iter().map(|choice| {
            let mut faults = Vec::new();
            value_faults(at, choice, sent, &mut faults);
            faults
        });
        // The shape that comes closest says best what is wrong.
        return faults.extend(tried.min_by_key(|faults| (faults.len(), shape_is_wrong(faults))).unwrap_or_default());
    }
    match (schema["type"].as_str().unwrap_or_default(), sent) {
        ("object", Sent::Branch(inner)) => object_faults(at, schema, inner, faults),
        ("array", Sent::Branch(inner)) => {
            for (place, (index, value)) in inner.iter().enumerate() {
                if !index.is_empty() && *index != place.to_string() {
                    faults.push(format!("{at}[{index}]: entries are counted from 0"));
                }
                value_faults(&format!("{at}[{index}]"), &schema["items"], value, faults);
            }
        }
        ("object" | "array", Sent::Leaf(_)) => faults.push(format!("{at}: {WRONG_SHAPE}, a value alone")),
        (wanted, Sent::Branch(_)) => faults.push(format!("{at}: {WRONG_SHAPE}, a {wanted} is wanted")),
        (wanted, Sent::Leaf(text)) => leaf_faults(at, wanted, schema, text, faults),
    }
}

const WRONG_SHAPE: &str = "of another shape";

fn shape_is_wrong(faults: &[String]) -> bool {
    faults.iter().any(|fault| fault.contains(WRONG_SHAPE))
}

fn leaf_faults(at: &str, wanted: &str, schema: &Value, text: &str, faults: &mut Vec<String>) {
    let fits = match wanted {
        "string" => true,
        "integer" => text.parse::<i64>().is_ok(),
        "number" => text.parse::<f64>().is_ok(),
        "boolean" => matches!(text, "true" | "false"),
        _ => false,
    };
    if !fits {
        faults.push(format!("{at}: {text:?} is no {wanted}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.iter().any(|word| word == text)) {
        faults.push(format!("{at}: {text:?} is none of the words"));
    }
    if schema["maxLength"].as_u64().is_some_and(|most| text.chars().count() as u64 > most) {
        faults.push(format!("{at}: too long"));
    }
}

/// What the checker says about a form to an operation like Stripe's.
fn said(query: &str, form: &str) -> Vec<String> {
    let document = Document::new(
        r#"{"info": {"version": "1"}, "paths": {
            "/v1/things/make": {"post": {}},
            "/v1/things/{id}": {"post": {
                "parameters": [{"name": "page", "in": "query", "required": true, "schema": {"type": "integer"}}],
                "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {
                    "type": "object", "required": ["mode"], "properties": {
                        "mode": {"type": "string", "enum": ["one", "two"]},
                        "note": {"type": "string", "maxLength": 3},
                        "until": {"anyOf": [{"type": "integer"}, {"type": "string", "enum": ["now"]}]},
                        "sure": {"type": "boolean"},
                        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
                        "unwritten": {"type": "object"},
                        "items": {"type": "array", "items": {
                            "type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "count": {"type": "integer"}}
                        }}
                    }
                }}}}
            }}
        }}"#,
    );
    let request = Request::new("POST", &format!("/v1/things/thing_1?{query}"), form);
    let template = document.template_of(&request).unwrap();
    assert_eq!(template, "/v1/things/{}");
    document.faults(&template, &request)
}

#[test]
fn a_request_as_it_is_described_has_no_faults() {
    let form =
        "mode=two&note=abc&until=now&sure=true&metadata[anything]=x&items[0][id]=a&items[0][count]=2&items[1][id]=b";
    assert_eq!(said("page=1", form), [""; 0]);
    assert_eq!(said("page=1", "mode=one&until=17&items[][id]=a"), [""; 0]);
}

#[test]
fn every_kind_of_wrong_parameter_is_named() {
    for (query, form, fault) in [
        ("page=1&size=2", "mode=one", "size: no such parameter"),
        ("", "mode=one", "page: required"),
        ("page=two", "mode=one", r#"page: "two" is no integer"#),
        ("page=1", "", "mode: required"),
        ("page=1", "mode=three", r#"mode: "three" is none of the words"#),
        ("page=1", "mode=one&mode=two", "mode: sent twice"),
        ("page=1", "mode=one&note=abcd", "note: too long"),
        ("page=1", "mode=one&sure=1", r#"sure: "1" is no boolean"#),
        ("page=1", "mode=one&until=later", r#"until: "later" is no integer"#),
        ("page=1", "mode=one&mode[x]=1", "mode[x]: sent as a value and with something in it"),
        ("page=1", "mode=one&note[x]=1", "note: of another shape, a string is wanted"),
        ("page=1", "mode=one&items=a", "items: of another shape, a value alone"),
        ("page=1", "mode=one&items[0][id]=a&items[0][price]=b", "items[0][price]: no such parameter"),
        ("page=1", "mode=one&items[0][count]=1", "items[0][id]: required"),
        ("page=1", "mode=one&items[1][id]=a", "items[1]: entries are counted from 0"),
        ("page=1", "mode=one&unwritten[a]=1", "unwritten: the document does not say what is in it"),
        ("page=1", "mode=one&note[x=1", "note[x: brackets that do not match"),
    ] {
        assert_eq!(said(query, form), [fault], "{query} {form}");
    }
}

#[test]
fn a_path_that_is_not_described_has_no_template() {
    let document = Document::new(r#"{"paths": {"/v1/things/{id}": {"get": {}}, "/v1/things/make": {"get": {}}}}"#);
    let template = |method: &str, path: &str| document.template_of(&Request::new(method, path, ""));
    assert_eq!(template("GET", "/v1/things/1").as_deref(), Some("/v1/things/{}"));
    assert_eq!(template("GET", "/v1/things/make").as_deref(), Some("/v1/things/make"));
    for (method, path) in
        [("POST", "/v1/things/1"), ("GET", "/v1/things/"), ("GET", "/v1/things/1/2"), ("GET", "/v1/thing/1")]
    {
        assert_eq!(template(method, path), None, "{method} {path}");
    }
}
