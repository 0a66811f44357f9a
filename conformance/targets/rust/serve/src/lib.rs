//! The Rust face of the adapter protocol: implement [`Store`] for your store, and call [`serve`].
//!
//! `spec/adapter-protocol.md` is the contract. A method of [`Store`] is a method of the protocol, by its name and
//! parameters; [`serve`] reads the requests, calls it and writes the answer. This crate knows nothing of the kit that
//! drives it.
//!
//! ```no_run
//! use serde_json::{json, value::RawValue};
//! use sessionproof_serve::{Error, Loaded, Result, Store, serve};
//! use std::{fs, io, path::PathBuf};
//!
//! struct Notes(PathBuf);
//!
//! impl Store for Notes {
//!     fn save(&self, id: &str, document: &RawValue, _if_revision: Option<&str>) -> Result<Option<String>> {
//!         fs::create_dir_all(&self.0)?;
//!         fs::write(self.0.join(format!("{id}.json")), document.get())?;
//!         Ok(None)
//!     }
//!
//!     fn load(&self, id: &str) -> Result<Option<Loaded>> {
//!         match fs::read_to_string(self.0.join(format!("{id}.json"))) {
//!             Ok(text) => Ok(Some(RawValue::from_string(text).map_err(|error| Error::reading(&error))?.into())),
//!             Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
//!             Err(error) => Err(Error::reading(&error)),
//!         }
//!     }
//! }
//!
//! let statement = json!({
//!     "implementation": {"name": "notes", "version": "1.0.0"},
//!     "operations": ["save", "load"],
//!     "fidelity": "json", "format": null,
//!     "durability": "none", "concurrency": "single", "ids": {"pattern": "[a-z]{1,32}"},
//! });
//! serve(statement, |root, _namespace| Ok(Notes(root.to_owned())))
//! ```
//!
//! # JSON
//!
//! Documents, entries and items are [`RawValue`]: the text that the kit sent and the text that it gets, digit for
//! digit. Take a document straight into the store's own type ([`parse`]), and answer with the store's own
//! serialisation ([`print`]): then nothing but the store touches it.
//!
//! Cargo gives every crate of a program the features that any of them asks of `serde_json`. So this crate asks for
//! none that changes what a store does: not `arbitrary_precision`, `float_roundtrip` or `preserve_order`. An adapter
//! must not either. What `serde_json` does to a number on its way through `Value` is shown by `echo`, and the kit
//! sends no such number.
//!
//! # Threads
//!
//! Where the statement says `"pipelined": true` each request is carried out on a thread of its own; else they are
//! carried out one after the other. The methods are synchronous: an asynchronous store is driven by `block_on`, and a
//! runtime of several threads lets its calls run at the same time.

mod error;
pub mod lent;
mod wire;

use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use std::{env, io, process, thread};

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

pub use error::{Error, Kind, Result};
pub use wire::{parse, print};

/// A store object, as the protocol's methods see it. Implement those that the statement lists.
///
/// Refuse by an [`Error`]; a panic is answered as `internal`.
#[allow(unused_variables)]
pub trait Store: Send + Sync + 'static {
    /// Closes the store in order. Nothing to do for a store that holds nothing.
    fn close(&self) -> Result<()> {
        Ok(())
    }

    /// Replaces the whole document. Gives the new revision, where the store has revisions.
    fn save(&self, id: &str, document: &RawValue, if_revision: Option<&str>) -> Result<Option<String>> {
        Err(Error::no_method())
    }

    /// Gives the document; `None` where there is none.
    fn load(&self, id: &str) -> Result<Option<Loaded>> {
        Err(Error::no_method())
    }

    /// Removes a document or a log. Says whether there was one, where the store tells.
    fn delete(&self, id: &str) -> Result<Option<bool>> {
        Err(Error::no_method())
    }

    /// Whether there is a document or a log.
    fn exists(&self, id: &str) -> Result<bool> {
        Err(Error::no_method())
    }

    /// Every id, in any order.
    fn list(&self) -> Result<Vec<String>> {
        Err(Error::no_method())
    }

    /// A summary of each session, or of those of a workspace.
    fn summaries(&self, workspace: Option<&str>) -> Result<Vec<Summary>> {
        Err(Error::no_method())
    }

    /// The session created last for that agent and sender, or, without them, the one changed last.
    fn latest(&self, created: Option<(&str, &str)>) -> Result<Option<String>> {
        Err(Error::no_method())
    }

    /// Removes what was created before. Gives how many sessions went.
    fn prune(&self, before: Prune) -> Result<u64> {
        Err(Error::no_method())
    }

    /// Replaces the items of a kind: `artifacts`, `trace` or `verification`.
    fn attach(&self, id: &str, kind: &str, items: &[&RawValue]) -> Result<()> {
        Err(Error::no_method())
    }

    /// The items of a kind; `None` where none was saved.
    fn attachments(&self, id: &str, kind: &str) -> Result<Option<Vec<Box<RawValue>>>> {
        Err(Error::no_method())
    }

    /// Makes a log. Gives its id.
    fn create(&self, agent: &str, created_by: &str) -> Result<String> {
        Err(Error::no_method())
    }

    /// Appends entries in order. Gives their numbers, where the store tells them.
    fn append(&self, id: &str, entries: &[&RawValue]) -> Result<Option<Vec<u64>>> {
        Err(Error::no_method())
    }

    /// Appends trace events.
    fn append_events(&self, id: &str, events: &[&RawValue]) -> Result<()> {
        Err(Error::no_method())
    }

    /// Sets a boundary: reading resumes after it and names the archive.
    fn compact(&self, id: &str, archive: &str) -> Result<()> {
        Err(Error::no_method())
    }

    /// Replaces the log's metadata.
    fn describe(&self, id: &str, meta: &RawValue) -> Result<()> {
        Err(Error::no_method())
    }

    /// The log since its last boundary; `None` where there is none.
    fn read(&self, id: &str) -> Result<Option<Log>> {
        Err(Error::no_method())
    }

    /// True for exactly one caller per id and token, ever.
    fn claim(&self, id: &str, token: &str) -> Result<bool> {
        Err(Error::no_method())
    }

    /// An error where the store is not usable.
    fn check(&self) -> Result<()> {
        Err(Error::no_method())
    }
}

/// What `load` found.
#[derive(Serialize)]
pub struct Loaded {
    pub document: Box<RawValue>,
    pub revision: Option<String>,
    /// The id was never saved, and this is what the store gives instead.
    pub fresh: bool,
}

impl From<Box<RawValue>> for Loaded {
    /// A document of a store without revisions.
    fn from(document: Box<RawValue>) -> Self {
        Self { document, revision: None, fresh: false }
    }
}

/// A session in short. What the store does not keep is `None`; instants are RFC 3339.
#[derive(Default, Serialize)]
pub struct Summary {
    pub id: String,
    pub title: Option<String>,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
    pub message_count: Option<u64>,
    pub workspace: Option<String>,
}

/// What `prune` removes; which of the two is sent, the statement says.
pub enum Prune {
    /// Sessions created before this instant, RFC 3339.
    Before(String),
    /// Sessions created more than so many times 86,400 s before the call.
    OlderThanDays(i64),
}

/// What `read` found.
#[derive(Default, Serialize)]
pub struct Log {
    pub entries: Vec<Box<RawValue>>,
    pub archive: Option<String>,
    pub meta: Option<Box<RawValue>>,
    pub damage: Vec<Damage>,
}

/// Something in a log that could not be read.
#[derive(Serialize)]
pub struct Damage {
    pub step: Option<u64>,
    pub reason: String,
}

/// A thread's stack: content may be nested far deeper than `serde_json`'s own limit of 128.
const STACK: usize = 64 << 20;

/// Answers requests from standard input until it ends, then exits with status 0.
///
/// The statement is that of `spec/adapter-protocol.md`; `protocol`, the language and the operation `echo` are added
/// here. `open` builds a store object on a root; an earlier one is dropped.
///
/// Standard output carries the protocol and nothing else. A store that prints there breaks it.
pub fn serve<S: Store>(statement: Value, open: impl Fn(&Path, &str) -> Result<S> + Send + Sync + 'static) -> ! {
    let adapter = Arc::new(Adapter { statement: wire::completed(statement), open, store: RwLock::new(None) });
    let answers = Arc::new(Mutex::new(io::stdout()));
    on_deep_stack(move || {
        for line in io::stdin().lock().split(b'\n') {
            let Ok(line) = line else { break };
            let request = wire::Request::of(&line);
            let (adapter, answers) = (adapter.clone(), answers.clone());
            let is_alone = !adapter.is_pipelined() || request.is_about_the_store_object();
            let work = move || {
                let answer = request.answered(|method, params| adapter.carry_out(method, params));
                let mut out = answers.lock().unwrap();
                // Where nobody reads any more there is nobody to tell.
                let _ = out.write_all(answer.as_bytes()).and_then(|()| out.flush());
            };
            if is_alone { work() } else { drop(on_deep_stack(work)) }
        }
    })
    .join()
    .expect("requests are carried out under catch_unwind");
    // Nothing that could write: an adapter starts no operation after the end of its input.
    process::exit(0)
}

/// The statement's `fidelity` for a store with a type of its own, by the text of the schema.
///
/// # Panics
/// Where the text is not JSON.
pub fn fidelity(schema: &str) -> Value {
    json!({"schema": serde_json::from_str::<Value>(schema).expect("the schema is JSON")})
}

/// Writes test vectors to the folder after `--vectors` and exits with status 0, where the program was started so.
///
/// An adapter whose store has a dialect in `spec/dialects` calls this before [`serve`].
pub fn vectors(write: impl FnOnce(&Path)) {
    if let Some(folder) = vectors_wanted(env::args_os().skip(1)) {
        write(&folder);
        process::exit(0);
    }
}

fn vectors_wanted(mut arguments: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    arguments.next().filter(|first| first == "--vectors").and(arguments.next()).map(PathBuf::from)
}

fn on_deep_stack(work: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::Builder::new().stack_size(STACK).spawn(work).expect("a thread can be started")
}

struct Adapter<S, Open> {
    statement: Value,
    open: Open,
    store: RwLock<Option<Arc<S>>>,
}

impl<S: Store, Open: Fn(&Path, &str) -> Result<S>> Adapter<S, Open> {
    fn is_pipelined(&self) -> bool {
        self.statement["pipelined"] == true
    }

    fn carry_out(&self, method: &str, params: &wire::Params) -> Result<Box<RawValue>> {
        match method {
            "initialize" => print(&self.statement),
            "echo" => wire::echo(params),
            "open" => {
                let (root, namespace): (String, String) = (params.get("root")?, params.get("namespace")?);
                *self.store.write().unwrap() = None;
                *self.store.write().unwrap() = Some(Arc::new((self.open)(Path::new(&root), &namespace)?));
                wire::nothing()
            }
            "close" => {
                if let Some(store) = self.store.write().unwrap().take() {
                    store.close()?;
                }
                wire::nothing()
            }
            _ => {
                let store = self.store.read().unwrap().clone();
                wire::call(&*store.ok_or_else(|| Error::new(Kind::Internal, "no store is open"))?, method, params)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_a_fidelity() {
        assert_eq!(fidelity(r#"{"type": "object"}"#), json!({"schema": {"type": "object"}}));
    }

    #[test]
    fn vectors_are_wanted_by_the_first_argument_only() {
        let wanted = |arguments: &[&str]| vectors_wanted(arguments.iter().map(OsString::from));
        assert_eq!(wanted(&["--vectors", "a"]), Some(PathBuf::from("a")));
        assert_eq!(wanted(&["memory", "--vectors"]), None);
        assert_eq!(wanted(&["--vectors"]), None);
        assert_eq!(wanted(&[]), None);
    }
}
