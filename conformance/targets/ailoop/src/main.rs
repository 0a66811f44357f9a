//! Drives ailoop-context: a `JsonFileHistoryStore` on `ROOT/session.json`, or, by the argument `memory`, an
//! `InMemoryHistoryStore`. README.md grounds each claim, and that of `ailoop-memory`.

mod vectors;

use std::env;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use ailoop_context::{ConversationSnapshot, HistoryStore, InMemoryHistoryStore, JsonFileHistoryStore};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sessionproof_serve::{Error, Loaded, Result, Store, fidelity, parse, print, serve};
use tokio::runtime::{Builder, Runtime};

struct History<S> {
    store: S,
    runtime: Runtime,
}

impl<S> History<S> {
    fn of(store: S) -> Result<Self> {
        Ok(Self { store, runtime: Builder::new_current_thread().build()? })
    }
}

impl History<JsonFileHistoryStore> {
    fn open(root: &Path, _namespace: &str) -> Result<Self> {
        // The store makes no folder; whoever uses it makes that of its file.
        DirBuilder::new().recursive(true).mode(0o700).create(root)?;
        Self::of(JsonFileHistoryStore::new(root.join("session.json")))
    }
}

impl<S: HistoryStore + 'static> Store for History<S> {
    fn save(&self, _id: &str, document: &RawValue, _if_revision: Option<&str>) -> Result<Option<String>> {
        let snapshot = snapshot(document)?;
        self.runtime.block_on(self.store.save(&snapshot)).map_err(|error| Error::writing(&error))?;
        Ok(None)
    }

    fn load(&self, _id: &str) -> Result<Option<Loaded>> {
        let snapshot = self.runtime.block_on(self.store.load()).map_err(|error| Error::reading(&error))?;
        snapshot.map(|snapshot| Ok(print(&snapshot)?.into())).transpose()
    }
}

/// A snapshot by its public members: `ConversationSnapshot` refuses some values when it is parsed, but not when its
/// members are set, and what to refuse is the store's to say.
fn snapshot(document: &RawValue) -> Result<ConversationSnapshot> {
    #[derive(Deserialize)]
    struct Members {
        version: u32,
        messages: Box<RawValue>,
        pinned: Vec<bool>,
    }
    let members: Members = parse(document)?;
    let mut snapshot = ConversationSnapshot::new(vec![], vec![]).expect("the lists are equally long");
    snapshot.version = members.version;
    snapshot.messages = parse(&members.messages)?;
    snapshot.pinned = members.pinned;
    Ok(snapshot)
}

fn main() {
    sessionproof_serve::vectors(vectors::write);
    if env::args().nth(1).as_deref() == Some("memory") {
        let mut statement = statement("InMemoryHistoryStore", "none");
        statement["pipelined"] = json!(true);
        serve(statement, |_root, _namespace| History::of(InMemoryHistoryStore::new()))
    }
    serve(statement("JsonFileHistoryStore", "close"), History::open)
}

fn statement(store: &str, durability: &str) -> Value {
    json!({
        "implementation": {"name": format!("ailoop-context {store}"), "version": "1.0.0-rc.2"},
        "operations": ["save", "load"],
        "fidelity": fidelity(include_str!("../fidelity.schema.json")),
        "format": null,
        "durability": durability,
        "concurrency": "single",
        "ids": "single",
    })
}
