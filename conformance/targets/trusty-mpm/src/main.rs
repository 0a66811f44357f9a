//! Drives trusty-mpm: a `ConversationStore` on the root. README.md grounds each claim.

mod vectors;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use sessionproof_serve::{Error, Loaded, Result, Store, parse, print, serve};
use trusty_mpm::core::sm::{ConversationStore, SmConversation};

struct Conversations(ConversationStore);

impl Store for Conversations {
    fn save(&self, id: &str, document: &RawValue, _if_revision: Option<&str>) -> Result<Option<String>> {
        let conversation: SmConversation = parse(document)?;
        self.0.save(id, &conversation).map_err(|error| Error::writing(&error))?;
        Ok(None)
    }

    fn load(&self, id: &str) -> Result<Option<Loaded>> {
        let conversation = self.0.load(id).map_err(|error| Error::reading(&error))?;
        Ok(Some(print(&conversation)?.into()))
    }
}

fn main() {
    if let Some(folder) = sessionproof_serve::vectors_wanted() {
        return vectors::write(&folder);
    }
    let schema: Value = serde_json::from_str(include_str!("../fidelity.schema.json")).expect("the schema is JSON");
    let statement = json!({
        "implementation": {"name": "trusty-mpm ConversationStore", "version": "0.19.23", "language": "rust"},
        "operations": ["save", "load"],
        "fidelity": {"schema": schema},
        "format": null,
        "durability": "process-crash",
        "concurrency": "multi-thread",
        "pipelined": true,
        "ids": "any",
        "missing": "fresh",
    });
    serve(statement, |root, _namespace| Ok(Conversations(ConversationStore::new(root))))
}
