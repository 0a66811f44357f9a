//! Drives ailoop-context: a `JsonFileHistoryStore` on `ROOT/session.json`. README.md grounds each claim.

mod vectors;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use ailoop_context::{ConversationSnapshot, HistoryStore, JsonFileHistoryStore};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use sessionproof_serve::{Error, Loaded, Result, Store, fidelity, parse, print, serve};
use tokio::runtime::{Builder, Runtime};

struct History {
    store: JsonFileHistoryStore,
    runtime: Runtime,
}

impl History {
    fn open(root: &Path, _namespace: &str) -> Result<Self> {
        // The store makes no folder; whoever uses it makes that of its file.
        DirBuilder::new().recursive(true).mode(0o700).create(root)?;
        let runtime = Builder::new_current_thread().build()?;
        Ok(Self { store: JsonFileHistoryStore::new(root.join("session.json")), runtime })
    }
}

impl Store for History {
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
    let statement = json!({
        "implementation": {"name": "ailoop-context JsonFileHistoryStore", "version": "1.0.0-rc.2"},
        "operations": ["save", "load"],
        "fidelity": fidelity(include_str!("../fidelity.schema.json")),
        "format": null,
        "durability": "close",
        "concurrency": "single",
        "ids": "single",
    });
    serve(statement, History::open)
}
