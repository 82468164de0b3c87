//! [`Discovery`]: what Google says that a request may be, checked mechanically.
//!
//! Method and path against the templates, with their patterns; the query against the known parameters; the body
//! against the schema, where unknown fields, other types and read-only fields are refused. Google leaves the
//! lists of a user open (`any`); they are checked against the schemas that it has for their entries.

use std::collections::BTreeMap;

use muster_sdk::{Instant, Request};
use percent_encoding::percent_decode_str;
use regex::Regex;
use serde_json::{Map, Value};

/// Which schema the entries of an open list have.
const ENTRIES: [(&str, &str); 6] = [
    ("addresses", "UserAddress"),
    ("emails", "UserEmail"),
    ("externalIds", "UserExternalId"),
    ("organizations", "UserOrganization"),
    ("phones", "UserPhone"),
    ("relations", "UserRelation"),
];

/// A request as Google understands it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Google's name of the method: `directory.users.insert`.
    pub(crate) method: String,
    /// The parameters of the path.
    pub(crate) path: BTreeMap<String, String>,
    /// The parameters of the query.
    pub(crate) query: BTreeMap<String, String>,
    /// The body, or null.
    pub(crate) body: Value,
}

impl Asked {
    /// A parameter of the path.
    pub(crate) fn at(&self, name: &str) -> &str {
        &self.path[name]
    }

    /// A parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }
}

/// Google's descriptions of the APIs.
pub(crate) struct Discovery {
    apis: Vec<Value>,
}

/// Which way something goes: some fields are only for one of them.
#[derive(Clone, Copy)]
struct Way<'a> {
    schemas: &'a Value,
    method: &'a str,
    is_request: bool,
    is_patch: bool,
}

impl Discovery {
    pub(crate) fn load() -> Self {
        Self {
            apis: crate::vendored::all(),
        }
    }

    /// Reads a request; the error says what Google would not understand.
    pub(crate) fn read(&self, request: &Request) -> Result<Asked, String> {
        let about = |text: String| format!("{} {}: {text}", request.method, request.url);
        if request.credential.as_deref() != Some("service-account") {
            return Err(about("without the service account".into()));
        }
        let (url, query) = match request.url.split_once('?') {
            Some((url, query)) => (url, query),
            None => (request.url.as_str(), ""),
        };
        let (api, method, path) = self.method(&request.method, url).map_err(about)?;
        let query = check_query(api, method, query).map_err(about)?;
        let id = method["id"].as_str().unwrap();
        let way = Way {
            schemas: &api["schemas"],
            method: id,
            is_request: true,
            is_patch: request.method == "PATCH",
        };
        let body = match (&method["request"], &request.body) {
            (Value::Null, None) => Value::Null,
            (Value::Null, Some(_)) => return Err(about(format!("{id} takes no body"))),
            (_, None) => return Err(about(format!("{id} takes a body"))),
            (schema, Some(body)) => {
                if request.header("content-type") != Some("application/json") {
                    return Err(about("the body is not said to be JSON".into()));
                }
                let body: Value = serde_json::from_slice(body)
                    .map_err(|error| about(format!("the body is no JSON: {error}")))?;
                way.check(schema, &body, "body").map_err(about)?;
                body
            }
        };
        Ok(Asked {
            method: id.to_owned(),
            path,
            query,
            body,
        })
    }

    /// Checks a reply, or what is left of it by a field mask.
    pub(crate) fn check_reply(&self, method: &str, body: &Value) -> Result<(), String> {
        let api = self
            .apis
            .iter()
            .find(|api| api["methods"].get(method).is_some())
            .unwrap();
        let way = Way {
            schemas: &api["schemas"],
            method,
            is_request: false,
            is_patch: false,
        };
        match (&api["methods"][method]["response"], body) {
            (Value::Null, Value::Null) => Ok(()),
            (Value::Null, _) => Err(format!("{method} replies without a body")),
            (schema, body) => way.check(schema, body, "reply"),
        }
    }

    /// Which scopes allow a method; any one of them does.
    pub(crate) fn scopes(&self, method: &str) -> Vec<String> {
        let api = self
            .apis
            .iter()
            .find(|api| api["methods"].get(method).is_some())
            .unwrap();
        let scopes = api["methods"][method]["scopes"].as_array().unwrap();
        scopes
            .iter()
            .map(|scope| scope.as_str().unwrap().to_owned())
            .collect()
    }

    /// The methods of the descriptions.
    pub(crate) fn methods(&self) -> Vec<String> {
        let of = |api: &Value| {
            api["methods"]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect()
        };
        self.apis
            .iter()
            .flat_map(|api| -> Vec<String> { of(api) })
            .collect()
    }

    /// The method with this path; where several fit, the one with the fewest parameters.
    fn method(&self, http: &str, url: &str) -> Result<Found<'_>, String> {
        let mut paths_fit = false;
        let mut best: Option<Found<'_>> = None;
        for api in &self.apis {
            let base = format!("{}{}", text(api, "rootUrl"), text(api, "servicePath"));
            let Some(path) = url.strip_prefix(&base) else {
                continue;
            };
            for method in api["methods"].as_object().unwrap().values() {
                let Some(found) = fit(text(method, "path"), path) else {
                    continue;
                };
                paths_fit = true;
                let is_better = best
                    .as_ref()
                    .is_none_or(|(_, _, known)| found.len() < known.len());
                if text(method, "httpMethod") == http && is_better {
                    best = Some((api, method, found));
                }
            }
        }
        let (api, method, path) = best.ok_or(if paths_fit {
            "there is no such method at this path"
        } else {
            "there is no such path"
        })?;
        for (name, value) in &path {
            let parameter = &method["parameters"][name];
            check_parameter(name, parameter, value)?;
        }
        Ok((api, method, path))
    }
}

type Found<'a> = (&'a Value, &'a Value, BTreeMap<String, String>);

fn fit(template: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    if template.len() != path.len() {
        return None;
    }
    let mut found = BTreeMap::new();
    for (expected, given) in template.iter().zip(path) {
        match expected
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'))
        {
            Some(name) if !given.is_empty() => {
                found.insert(name.to_owned(), decoded(given));
            }
            None if *expected == given => {}
            Some(_) | None => return None,
        }
    }
    Some(found)
}

fn check_query(
    api: &Value,
    method: &Value,
    query: &str,
) -> Result<BTreeMap<String, String>, String> {
    let mut given = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or(format!("`{pair}` has no value"))?;
        let (name, value) = (decoded(name), decoded(value));
        let own = method["parameters"]
            .get(&name)
            .filter(|own| text(own, "location") == "query");
        let known = own.or(api["parameters"].get(&name));
        let known = known.ok_or(format!("there is no parameter `{name}`"))?;
        check_parameter(&name, known, &value)?;
        if name == "fields" {
            check_mask(api, &method["response"], &value)?;
        }
        if given.insert(name.clone(), value).is_some() && known["repeated"] != true {
            return Err(format!("the parameter `{name}` is there twice"));
        }
    }
    let parameters = method["parameters"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    for (name, parameter) in parameters {
        let is_in_query = text(&parameter, "location") == "query";
        if is_in_query && parameter["required"] == true && !given.contains_key(&name) {
            return Err(format!("the parameter `{name}` is required"));
        }
    }
    Ok(given)
}

fn check_parameter(name: &str, parameter: &Value, value: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("the parameter `{name}` is {what}: `{value}`"));
    match text(parameter, "type") {
        "boolean" if !["true", "false"].contains(&value) => return wrong("no boolean"),
        "integer" => {
            let Ok(number) = value.parse::<i64>() else {
                return wrong("no integer");
            };
            let bound = |name: &str| parameter[name].as_str().and_then(|text| text.parse().ok());
            let least = bound("minimum").unwrap_or(i64::MIN);
            let most = bound("maximum").unwrap_or(i64::MAX);
            if !(least..=most).contains(&number) {
                return wrong("out of range");
            }
        }
        _ => {}
    }
    if let Some(choices) = parameter["enum"].as_array()
        && !choices.iter().any(|choice| choice == value)
    {
        return wrong("none of the choices");
    }
    if let Some(pattern) = parameter["pattern"].as_str() {
        let pattern = Regex::new(&format!("^(?:{pattern})$")).expect("a pattern of Google's");
        if !pattern.is_match(value) {
            return wrong("not of the pattern");
        }
    }
    Ok(())
}

/// Checks a mask such as `kind,users(id,name(givenName))` against what is answered.
fn check_mask(api: &Value, schema: &Value, mask: &str) -> Result<(), String> {
    for (name, inner) in parts(mask)? {
        let fields = properties(api, schema).ok_or(format!("`{name}` is in no object"))?;
        let field = fields
            .get(&name)
            .ok_or(format!("the mask asks for `{name}`, which is none"))?;
        let entry = if text(field, "type") == "array" {
            &field["items"]
        } else {
            field
        };
        if let Some(inner) = inner {
            check_mask(api, entry, &inner)?;
        }
    }
    Ok(())
}

/// The parts of a mask at its top, each with what is in its brackets.
pub(crate) fn parts(mask: &str) -> Result<Vec<(String, Option<String>)>, String> {
    let mut parts = Vec::new();
    let mut rest = mask;
    while !rest.is_empty() {
        let end = rest.find([',', '(']).unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let mut inner = None;
        if rest.starts_with('(') {
            let mut depth = 0;
            let close = rest.char_indices().find(|(_, char)| {
                depth += i32::from(*char == '(') - i32::from(*char == ')');
                depth == 0
            });
            let (close, _) = close.ok_or("a bracket of the mask is open")?;
            inner = Some(rest[1..close].to_owned());
            rest = &rest[close + 1..];
        }
        rest = rest.strip_prefix(',').unwrap_or(rest);
        parts.push((name, inner));
    }
    Ok(parts)
}

fn properties<'a>(api: &'a Value, schema: &'a Value) -> Option<&'a Map<String, Value>> {
    match schema["$ref"].as_str() {
        Some(name) => api["schemas"][name]["properties"].as_object(),
        None => schema["properties"].as_object(),
    }
}

impl Way<'_> {
    fn check(self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        if let Some(name) = schema["$ref"].as_str() {
            let schema = self
                .schemas
                .get(name)
                .ok_or(format!("no schema `{name}`"))?;
            return self.check(schema, value, at);
        }
        if value.is_null() {
            return if self.is_patch {
                Ok(())
            } else {
                Err(format!("{at} is null"))
            };
        }
        let is_right = match text(schema, "type") {
            "object" => return self.object(schema, value, at),
            "array" => {
                let entries = value.as_array().ok_or(format!("{at} is no list"))?;
                return entries.iter().enumerate().try_for_each(|(n, entry)| {
                    self.check(&schema["items"], entry, &format!("{at}[{n}]"))
                });
            }
            "string" => value
                .as_str()
                .is_some_and(|text| is_formatted(schema, text)),
            "integer" => value.as_i64().is_some_and(|number| {
                text(schema, "format") != "int32" || i32::try_from(number).is_ok()
            }),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "any" => return self.open(value, at),
            other => return Err(format!("{at} is of the unknown type `{other}`")),
        };
        if is_right {
            Ok(())
        } else {
            Err(format!("{at} is not a {}", text(schema, "type")))
        }
    }

    fn object(self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let object = value.as_object().ok_or(format!("{at} is no object"))?;
        let none = Map::new();
        let known = schema["properties"].as_object().unwrap_or(&none);
        for (name, value) in object {
            let at = format!("{at}.{name}");
            match (known.get(name), schema.get("additionalProperties")) {
                (Some(field), _) if self.is_request && field["readOnly"] == true => {
                    return Err(format!("{at} can only be read"));
                }
                (Some(field), _) => self.check(field, value, &at)?,
                (None, Some(others)) => self.check(others, value, &at)?,
                (None, None) => return Err(format!("{at} is not known")),
            }
        }
        let is_required = |field: &Value| {
            let methods = field["annotations"]["required"].as_array();
            methods.is_some_and(|methods| methods.iter().any(|method| method == self.method))
        };
        for (name, field) in known {
            if self.is_request && is_required(field) && !object.contains_key(name) {
                return Err(format!("{at}.{name} is required for {}", self.method));
            }
        }
        Ok(())
    }

    /// What Google leaves open: the entries of some lists have schemas of their own.
    fn open(self, value: &Value, at: &str) -> Result<(), String> {
        let field = at.rsplit('.').next().unwrap_or_default();
        let entries = ENTRIES.iter().find(|(list, _)| *list == field);
        let Some((_, schema)) = entries else {
            return Ok(());
        };
        let list = value.as_array().ok_or(format!("{at} is no list"))?;
        let schema = &self.schemas[schema];
        list.iter()
            .enumerate()
            .try_for_each(|(n, entry)| self.check(schema, entry, &format!("{at}[{n}]")))
    }
}

fn is_formatted(schema: &Value, value: &str) -> bool {
    let is_choice = match schema["enum"].as_array() {
        Some(choices) => choices.iter().any(|choice| choice == value),
        None => true,
    };
    is_choice
        && match text(schema, "format") {
            "int64" => value.parse::<i64>().is_ok(),
            "date-time" => Instant::parse(value).is_some(),
            _ => true,
        }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text)
        .decode_utf8()
        .expect("UTF-8")
        .into_owned()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}
