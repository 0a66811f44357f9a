//! Drives a3s-code-core: a `FileSessionStore` on the root, or, by the argument `memory`, a `MemorySessionStore`.
//! README.md grounds each claim, and that of `a3s-code-memory`.

mod vectors;

use std::env;
use std::path::Path;

use a3s_code_core::store::{FileSessionStore, MemorySessionStore, SessionData, SessionStore};
use a3s_code_core::tools::{ArtifactStore, ArtifactStoreLimits};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sessionproof_serve::lent::{reading, writing};
use sessionproof_serve::{Error, Kind, Loaded, Result, Store, fidelity, parse, print, serve};
use tokio::runtime::Runtime;

struct Sessions<S> {
    store: S,
    runtime: Runtime,
}

impl Sessions<FileSessionStore> {
    fn open(root: &Path, _namespace: &str) -> Result<Self> {
        let runtime = Runtime::new()?;
        let store = runtime.block_on(FileSessionStore::new(root)).map_err(writing)?;
        Ok(Self { store, runtime })
    }
}

impl<S: SessionStore + 'static> Store for Sessions<S> {
    fn save(&self, _id: &str, document: &RawValue, _if_revision: Option<&str>) -> Result<Option<String>> {
        // The id is in the document.
        let session: SessionData = parse(document)?;
        self.runtime.block_on(self.store.save(&session)).map_err(writing)?;
        Ok(None)
    }

    fn load(&self, id: &str) -> Result<Option<Loaded>> {
        let session = self.runtime.block_on(self.store.load(id)).map_err(reading)?;
        session.map(|session| Ok(print(&session)?.into())).transpose()
    }

    fn delete(&self, id: &str) -> Result<Option<bool>> {
        self.runtime.block_on(self.store.delete(id)).map_err(writing)?;
        Ok(None)
    }

    fn exists(&self, id: &str) -> Result<bool> {
        self.runtime.block_on(self.store.exists(id)).map_err(reading)
    }

    fn list(&self) -> Result<Vec<String>> {
        self.runtime.block_on(self.store.list()).map_err(reading)
    }

    fn attach(&self, id: &str, kind: &str, items: &[&RawValue]) -> Result<()> {
        let saved = match kind {
            "artifacts" => self.runtime.block_on(self.store.save_artifacts(id, &artifacts(items)?)),
            "trace" => self.runtime.block_on(self.store.save_trace_events(id, &typed(items)?)),
            "verification" => self.runtime.block_on(self.store.save_verification_reports(id, &typed(items)?)),
            _ => return Err(Error::no_method()),
        };
        saved.map_err(writing)
    }

    fn attachments(&self, id: &str, kind: &str) -> Result<Option<Vec<Box<RawValue>>>> {
        match kind {
            "artifacts" => printed(
                self.runtime.block_on(self.store.load_artifacts(id)).map(|found| found.map(|found| found.artifacts())),
            ),
            "trace" => printed(self.runtime.block_on(self.store.load_trace_events(id))),
            "verification" => printed(self.runtime.block_on(self.store.load_verification_reports(id))),
            _ => Err(Error::no_method()),
        }
    }

    fn check(&self) -> Result<()> {
        self.runtime.block_on(self.store.health_check()).map_err(writing)
    }
}

/// An `ArtifactStore` without limits: with its own it would drop items before the session store is asked. It keeps
/// artifacts by their URI, so a list with a URI twice is none.
fn artifacts(items: &[&RawValue]) -> Result<ArtifactStore> {
    let artifacts =
        ArtifactStore::with_limits(ArtifactStoreLimits { max_artifacts: usize::MAX, max_bytes: usize::MAX });
    for item in items {
        artifacts.put(parse(item)?);
    }
    match artifacts.len() == items.len() {
        true => Ok(artifacts),
        false => Err(Error::new(Kind::InvalidDocument, "two artifacts have one URI")),
    }
}

fn typed<T: serde::de::DeserializeOwned>(items: &[&RawValue]) -> Result<Vec<T>> {
    items.iter().map(|item| parse(item)).collect()
}

fn printed<T: serde::Serialize, E: AsRef<dyn std::error::Error>>(
    items: std::result::Result<Option<Vec<T>>, E>,
) -> Result<Option<Vec<Box<RawValue>>>> {
    items.map_err(reading)?.map(|items| items.iter().map(print).collect()).transpose()
}

fn main() {
    sessionproof_serve::vectors(vectors::write);
    if env::args().nth(1).as_deref() == Some("memory") {
        let statement = statement("MemorySessionStore", "none");
        serve(statement, |_root, _namespace| {
            Ok(Sessions { store: MemorySessionStore::new(), runtime: Runtime::new()? })
        })
    }
    let mut statement = statement("FileSessionStore", "process-crash");
    statement["operations"].as_array_mut().expect("operations are a list").push(json!("check"));
    serve(statement, Sessions::open)
}

/// What is claimed of both stores.
fn statement(store: &str, durability: &str) -> Value {
    json!({
        "implementation": {"name": format!("a3s-code-core {store}"), "version": "2.0.1"},
        "operations": ["save", "load", "delete", "exists", "list", "attach", "attachments"],
        "fidelity": fidelity(include_str!("../fidelity.schema.json")),
        "format": null,
        "durability": durability,
        "concurrency": "multi-thread",
        "pipelined": true,
        "ids": "any",
        "secrets": ["/llm_config/api_key"],
    })
}
