//! Requests and answers, a line of JSON each.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::{Error, Kind, Prune, Result, Store};

/// A document, entry or item as a value of the store's own type, at any depth.
///
/// # Errors
/// `invalid_document`, where the type has no such value.
pub fn parse<T: DeserializeOwned>(value: &RawValue) -> Result<T> {
    decoded(value.get()).map_err(|error| Error::new(Kind::InvalidDocument, error))
}

/// The store's own serialisation of a value.
///
/// # Errors
/// `internal`, where it has none.
pub fn print(value: &(impl Serialize + ?Sized)) -> Result<Box<RawValue>> {
    to_raw_value(value).map_err(|error| Error::new(Kind::Internal, error))
}

fn decoded<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    let mut from = serde_json::Deserializer::from_str(text);
    from.disable_recursion_limit();
    let value = T::deserialize(&mut from)?;
    from.end()?;
    Ok(value)
}

/// One request, or what is wrong with the line.
pub struct Request(serde_json::Result<Parts>);

#[derive(Deserialize)]
struct Parts {
    id: u64,
    method: String,
    params: Box<RawValue>,
}

impl Request {
    pub fn of(line: &[u8]) -> Self {
        Self(serde_json::from_slice(line))
    }

    /// Whether no other request may be under way beside it.
    pub fn is_about_the_store_object(&self) -> bool {
        self.0.as_ref().is_ok_and(|parts| matches!(parts.method.as_str(), "initialize" | "open" | "close"))
    }

    /// The answer, ended by a line feed.
    pub fn answered(&self, carry_out: impl FnOnce(&str, &Params) -> Result<Box<RawValue>>) -> String {
        let parts = match &self.0 {
            Ok(parts) => parts,
            Err(error) => {
                let error = json!({"code": -32700, "message": error.to_string()});
                return format!("{}\n", json!({"jsonrpc": "2.0", "id": null, "error": error}));
            }
        };
        let carried_out = || Params::of(&parts.params).and_then(|params| carry_out(&parts.method, &params));
        let outcome = catch_unwind(AssertUnwindSafe(carried_out)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            Err(Error::new(Kind::Internal, format!("panic: {}", text.unwrap_or("no text"))))
        });
        let (member, value) = match &outcome {
            Ok(result) => ("result", result.get().to_owned()),
            Err(error) => ("error", error.to_json().to_string()),
        };
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"{member}\":{value}}}\n", parts.id)
    }
}

/// The parameters of a request, each still as it came.
pub struct Params<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Params<'a> {
    fn of(params: &'a RawValue) -> Result<Self> {
        let members = serde_json::from_str(params.get()).map_err(|error| Error::new(Kind::InvalidParams, error))?;
        Ok(Self(members))
    }

    /// A parameter that has to be there.
    pub fn get<T: Deserialize<'a>>(&self, name: &str) -> Result<T> {
        self.maybe(name)?.ok_or_else(|| Error::new(Kind::InvalidParams, format!("no parameter {name}")))
    }

    fn maybe<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>> {
        let value = self.0.get(name).map(|value| decoded(value.get())).transpose();
        value.map_err(|error| Error::new(Kind::InvalidParams, format!("{name}: {error}")))
    }

    fn text(&self, name: &str) -> Result<String> {
        self.get(name)
    }

    fn values(&self, name: &str) -> Result<Vec<&'a RawValue>> {
        self.get(name)
    }
}

/// The statement with what every adapter of this crate says.
pub fn completed(mut statement: Value) -> Value {
    statement["protocol"] = json!("1.0");
    statement["implementation"]["language"] = json!("rust");
    if let Some(operations) = statement["operations"].as_array_mut() {
        operations.push(json!("echo"));
    }
    statement
}

/// The value by way of `Value`, as documents go.
pub fn echo(params: &Params) -> Result<Box<RawValue>> {
    member("value", params.get::<Value>("value")?)
}

/// The result of a method that answers nothing.
pub fn nothing() -> Result<Box<RawValue>> {
    print(&json!({}))
}

fn member(name: &str, value: impl Serialize) -> Result<Box<RawValue>> {
    print(&BTreeMap::from([(name, value)]))
}

fn found(value: Option<impl Serialize>) -> Result<Box<RawValue>> {
    #[derive(Serialize)]
    struct Found<T> {
        found: bool,
        #[serde(flatten)]
        value: Option<T>,
    }
    print(&Found { found: value.is_some(), value })
}

/// Carries out a method of the store.
pub fn call(store: &impl Store, method: &str, params: &Params) -> Result<Box<RawValue>> {
    let id = || params.text("id");
    match method {
        "save" => {
            let if_revision: Option<String> = params.maybe("if_revision")?;
            member("revision", store.save(&id()?, params.get("document")?, if_revision.as_deref())?)
        }
        "load" => found(store.load(&id()?)?),
        "delete" => member("existed", store.delete(&id()?)?),
        "exists" => member("exists", store.exists(&id()?)?),
        "list" => member("ids", store.list()?),
        "summaries" => member("summaries", store.summaries(params.maybe::<String>("workspace")?.as_deref())?),
        "latest" => match (params.maybe::<String>("agent")?, params.maybe::<String>("created_by")?) {
            (Some(agent), Some(created_by)) => member("id", store.latest(Some((&agent, &created_by)))?),
            _ => member("id", store.latest(None)?),
        },
        "prune" => {
            let before = params.maybe("before")?.map(Prune::Before);
            let before = before.map_or_else(|| params.get("older_than_days").map(Prune::OlderThanDays), Ok);
            member("removed", store.prune(before?)?)
        }
        "attach" => {
            store.attach(&id()?, &params.text("kind")?, &params.values("items")?)?;
            nothing()
        }
        "attachments" => member("items", store.attachments(&id()?, &params.text("kind")?)?),
        "create" => member("id", store.create(&params.text("agent")?, &params.text("created_by")?)?),
        "append" => member("numbers", store.append(&id()?, &params.values("entries")?)?),
        "append_events" => {
            store.append_events(&id()?, &params.values("events")?)?;
            nothing()
        }
        "compact" => {
            store.compact(&id()?, &params.text("archive")?)?;
            nothing()
        }
        "describe" => {
            store.describe(&id()?, params.get("meta")?)?;
            nothing()
        }
        "read" => found(store.read(&id()?)?),
        "claim" => member("claimed", store.claim(&id()?, &params.text("token")?)?),
        "check" => {
            store.check()?;
            nothing()
        }
        _ => Err(Error::no_method()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::Loaded;

    #[derive(Default)]
    struct One(Mutex<Option<String>>);

    impl Store for One {
        fn save(&self, _: &str, document: &RawValue, _: Option<&str>) -> Result<Option<String>> {
            *self.0.lock().unwrap() = Some(document.get().to_owned());
            Ok(Some("1".to_owned()))
        }

        fn load(&self, id: &str) -> Result<Option<Loaded>> {
            assert_ne!(id, "trap");
            let text = self.0.lock().unwrap().clone();
            Ok(text.map(|text| RawValue::from_string(text).unwrap().into()))
        }
    }

    fn ask(store: &One, line: &str) -> String {
        Request::of(line.as_bytes()).answered(|method, params| match method {
            "echo" => echo(params),
            _ => call(store, method, params),
        })
    }

    #[test]
    fn a_statement_is_completed() {
        let statement = completed(json!({"implementation": {"name": "notes", "version": "1"}, "operations": ["save"]}));
        assert_eq!(
            statement,
            json!({
                "protocol": "1.0",
                "implementation": {"name": "notes", "version": "1", "language": "rust"},
                "operations": ["save", "echo"],
            })
        );
    }

    #[test]
    fn a_document_comes_back_as_its_own_text() {
        let store = One::default();
        assert_eq!(
            ask(&store, r#"{"id":1,"method":"load","params":{"id":"a"}}"#),
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"found\":false}}\n"
        );
        let saved = ask(&store, r#"{"id":2,"method":"save","params":{"id":"a","document":{"z":1e400,"a":1.0}}}"#);
        assert_eq!(saved, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"revision\":\"1\"}}\n");
        assert_eq!(
            ask(&store, r#"{"id":3,"method":"load","params":{"id":"a"}}"#),
            "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"found\":true,\"document\":{\"z\":1e400,\"a\":1.0},\
             \"revision\":null,\"fresh\":false}}\n"
        );
    }

    #[test]
    fn nesting_has_no_limit_of_its_own() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        let answer = ask(&One::default(), &format!(r#"{{"id":1,"method":"echo","params":{{"value":{deep}}}}}"#));
        assert_eq!(answer, format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"value\":{deep}}}}}\n"));
    }

    #[test]
    fn a_lone_surrogate_is_refused_under_the_id_of_the_request() {
        let answer = ask(&One::default(), r#"{"id":7,"method":"load","params":{"id":"\ud800"}}"#);
        assert!(answer.starts_with(r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"#), "{answer}");
    }

    #[test]
    fn a_panic_is_internal() {
        let answer = ask(&One::default(), r#"{"id":7,"method":"load","params":{"id":"trap"}}"#);
        assert!(answer.contains(r#""code":-32603,"data":{"kind":"internal"}"#), "{answer}");
    }

    #[test]
    fn what_the_store_lacks_is_no_method() {
        let answer = ask(&One::default(), r#"{"id":7,"method":"claim","params":{"id":"a","token":"t"}}"#);
        assert!(answer.contains(r#""code":-32601"#), "{answer}");
    }
}
