//! Drives astrid-runtime: a `SessionStore` on the root. README.md grounds each claim.

mod vectors;

use std::path::Path;

use astrid_core::SessionId;
use astrid_runtime::{AgentSession, RuntimeError, SerializableSession, SessionStore, SessionSummary};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sessionproof_serve::{Error, Kind, Loaded, Prune, Result, Store, Summary, fidelity, parse, print, serve};
use uuid::Uuid;

struct Sessions(SessionStore);

impl Store for Sessions {
    fn save(&self, _id: &str, document: &RawValue, _if_revision: Option<&str>) -> Result<Option<String>> {
        self.0.save(&session(document)?).map_err(writing)?;
        Ok(None)
    }

    fn load(&self, id: &str) -> Result<Option<Loaded>> {
        let session = self.0.load(&known(id)?).map_err(reading)?;
        session.map(|session| document(&session)).transpose()
    }

    fn delete(&self, id: &str) -> Result<Option<bool>> {
        self.0.delete(&known(id)?).map_err(writing)?;
        Ok(None)
    }

    fn list(&self) -> Result<Vec<String>> {
        let ids = self.0.list().map_err(reading)?;
        Ok(ids.iter().map(|id| id.0.to_string()).collect())
    }

    fn summaries(&self, workspace: Option<&str>) -> Result<Vec<Summary>> {
        let listed = match workspace {
            Some(path) => self.0.list_for_workspace(Path::new(path)),
            None => self.0.list_with_metadata(),
        };
        Ok(listed.map_err(reading)?.into_iter().map(summary).collect())
    }

    fn latest(&self, _created: Option<(&str, &str)>) -> Result<Option<String>> {
        let session = self.0.most_recent().map_err(reading)?;
        Ok(session.map(|session| session.id.0.to_string()))
    }

    fn prune(&self, before: Prune) -> Result<u64> {
        let Prune::OlderThanDays(days) = before else { return Err(Error::no_method()) };
        Ok(self.0.cleanup_old(days).map_err(writing)? as u64)
    }
}

/// The store's own type for an id.
fn known(id: &str) -> Result<SessionId> {
    Ok(SessionId::from_uuid(Uuid::parse_str(id).map_err(|error| Error::new(Kind::InvalidId, error))?))
}

/// The instant of a budget is that of its last save: it is no part of a document and has to be there.
fn session(document: &RawValue) -> Result<AgentSession> {
    let mut members: Value = parse(document)?;
    if let Some(budget) = members.get_mut("budget_snapshot").and_then(Value::as_object_mut) {
        budget.insert("last_updated".to_owned(), json!("1970-01-01T00:00:00Z"));
    }
    let session: SerializableSession =
        serde_json::from_value(members).map_err(|error| Error::new(Kind::InvalidDocument, error))?;
    Ok(session.to_session())
}

/// Without what the store sets itself: the instant of the budget, and the state of git in the workspace.
fn document(session: &AgentSession) -> Result<Loaded> {
    let mut members =
        serde_json::to_value(SerializableSession::from(session)).map_err(|error| Error::new(Kind::Internal, error))?;
    members["budget_snapshot"].as_object_mut().map(|budget| budget.remove("last_updated"));
    members.as_object_mut().map(|members| members.remove("git_state"));
    Ok(print(&members)?.into())
}

fn summary(session: SessionSummary) -> Summary {
    Summary {
        id: session.id,
        title: session.title,
        created_at: Some(session.created_at.to_rfc3339()),
        updated_at: None,
        message_count: Some(session.message_count as u64),
        workspace: session.workspace_path.map(|path| path.to_string_lossy().into_owned()),
    }
}

fn reading(error: RuntimeError) -> Error {
    match error {
        RuntimeError::SerializationError(_) => Error::new(Kind::Corrupt, error),
        _ => Error::reading(&error),
    }
}

fn writing(error: RuntimeError) -> Error {
    match error {
        RuntimeError::SerializationError(_) => Error::new(Kind::InvalidDocument, error),
        _ => Error::writing(&error),
    }
}

fn main() {
    sessionproof_serve::vectors(vectors::write);
    let statement = json!({
        "implementation": {"name": "astrid-runtime SessionStore", "version": "0.1.1"},
        "operations": ["save", "load", "delete", "list", "summaries", "latest", "prune"],
        "fidelity": fidelity(include_str!("../fidelity.schema.json")),
        "format": null,
        "durability": "process-crash",
        "concurrency": "single",
        "ids": "uuid",
        "prune": "days",
    });
    serve(statement, |root, _namespace| Ok(Sessions(SessionStore::new(root))))
}
