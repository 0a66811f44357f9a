//! Drives trusty-mpm: a `ConversationStore` on the root. README.md grounds each claim.

mod vectors;

use serde_json::json;
use serde_json::value::RawValue;
use sessionproof_serve::{Error, Loaded, Result, Store, fidelity, parse, print, serve};
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
    sessionproof_serve::vectors(vectors::write);
    let statement = json!({
        "implementation": {"name": "trusty-mpm ConversationStore", "version": "0.19.23"},
        "operations": ["save", "load"],
        "fidelity": fidelity(include_str!("../fidelity.schema.json")),
        "format": null,
        "durability": "process-crash",
        "concurrency": "multi-thread",
        "pipelined": true,
        "ids": "any",
        "missing": "fresh",
    });
    serve(statement, |root, _namespace| Ok(Conversations(ConversationStore::new(root))))
}
