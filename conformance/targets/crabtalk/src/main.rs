//! Drives crabtalk: the sessions of an `FsStorage` on the root. README.md grounds each claim.

mod vectors;

use std::path::Path;

use crabtalk::storage::FsStorage;
use crabtalk_core::storage::{SessionHandle, Storage};
use serde_json::json;
use serde_json::value::RawValue;
use sessionproof_serve::lent::{reading, writing};
use sessionproof_serve::{Error, Log, Result, Store, Summary, fidelity, parse, print, serve};
use tokio::runtime::Runtime;

struct Sessions {
    storage: FsStorage,
    runtime: Runtime,
}

impl Sessions {
    fn open(root: &Path, _namespace: &str) -> Result<Self> {
        // The folder of the configuration is never touched by sessions.
        let storage = FsStorage::new(root.join("config"), root.to_owned(), vec![]);
        Ok(Self { storage, runtime: Runtime::new()? })
    }
}

impl Store for Sessions {
    fn create(&self, agent: &str, created_by: &str) -> Result<String> {
        let handle = self.runtime.block_on(self.storage.create_session(agent, created_by)).map_err(writing)?;
        Ok(handle.as_str().to_owned())
    }

    fn latest(&self, created: Option<(&str, &str)>) -> Result<Option<String>> {
        let (agent, created_by) = created.ok_or_else(Error::no_method)?;
        let found = self.runtime.block_on(self.storage.find_latest_session(agent, created_by));
        Ok(found.map_err(reading)?.map(|handle| handle.as_str().to_owned()))
    }

    fn read(&self, id: &str) -> Result<Option<Log>> {
        let session = SessionHandle::new(id);
        let snapshot = self.runtime.block_on(self.storage.load_session(&session));
        let Some(snapshot) = snapshot.map_err(reading)? else { return Ok(None) };
        let entries = snapshot.history.iter().map(print).collect::<Result<_>>()?;
        Ok(Some(Log { entries, archive: snapshot.archive, meta: Some(print(&snapshot.meta)?), damage: vec![] }))
    }

    fn append(&self, id: &str, entries: &[&RawValue]) -> Result<Option<Vec<u64>>> {
        let entries = entries.iter().map(|entry| parse(entry)).collect::<Result<Vec<_>>>()?;
        let session = SessionHandle::new(id);
        let appended = self.storage.append_session_messages(&session, &entries);
        self.runtime.block_on(appended).map_err(writing)?;
        Ok(None)
    }

    fn append_events(&self, id: &str, events: &[&RawValue]) -> Result<()> {
        let events = events.iter().map(|event| parse(event)).collect::<Result<Vec<_>>>()?;
        let session = SessionHandle::new(id);
        let appended = self.storage.append_session_events(&session, &events);
        self.runtime.block_on(appended).map_err(writing)
    }

    fn compact(&self, id: &str, archive: &str) -> Result<()> {
        let session = SessionHandle::new(id);
        let appended = self.storage.append_session_compact(&session, archive);
        self.runtime.block_on(appended).map_err(writing)
    }

    fn describe(&self, id: &str, meta: &RawValue) -> Result<()> {
        let meta = parse(meta)?;
        let session = SessionHandle::new(id);
        let updated = self.storage.update_session_meta(&session, &meta);
        self.runtime.block_on(updated).map_err(writing)
    }

    fn delete(&self, id: &str) -> Result<Option<bool>> {
        let session = SessionHandle::new(id);
        let deleted = self.runtime.block_on(self.storage.delete_session(&session));
        Ok(Some(deleted.map_err(writing)?))
    }

    fn list(&self) -> Result<Vec<String>> {
        let sessions = self.runtime.block_on(self.storage.list_sessions()).map_err(reading)?;
        Ok(sessions.iter().map(|session| session.handle.as_str().to_owned()).collect())
    }

    fn summaries(&self, _workspace: Option<&str>) -> Result<Vec<Summary>> {
        let sessions = self.runtime.block_on(self.storage.list_sessions()).map_err(reading)?;
        let summaries = sessions.into_iter().map(|session| Summary {
            id: session.handle.as_str().to_owned(),
            title: Some(session.meta.title),
            created_at: Some(session.meta.created_at),
            updated_at: Some(session.meta.updated_at),
            message_count: Some(session.meta.message_count),
            workspace: None,
        });
        Ok(summaries.collect())
    }
}

fn main() {
    sessionproof_serve::vectors(vectors::write);
    let statement = json!({
        "implementation": {"name": "crabtalk FsStorage sessions", "version": "0.0.22"},
        "operations": [
            "create", "latest", "read", "append", "append_events", "compact", "describe", "list", "summaries", "delete",
        ],
        "fidelity": fidelity(include_str!("../fidelity.schema.json")),
        "format": null,
        "durability": "process-crash",
        "concurrency": "multi-thread",
        "pipelined": true,
        "ids": "store",
        "ordered": false,
    });
    serve(statement, Sessions::open)
}
