//! Files that the real store has written, for `spec/dialects/astrid/vectors`. `last_updated` is the time of the run.

use std::path::Path;

use astrid_runtime::{SerializableSession, SessionStore};
use serde_json::{Value, from_value, json};

pub fn write(folder: &Path) {
    let store = SessionStore::new(folder);
    for document in [empty(), every_member(), unicode(), numbers()] {
        let session: SerializableSession = from_value(document).expect("a document is a session");
        store.save(&session.to_session()).expect("the folder can be written to");
    }
}

fn empty() -> Value {
    json!({
        "id": "00000000-0000-0000-0000-000000000000", "user_id": "0000000000000000", "messages": [], "system_prompt": "",
        "created_at": "1970-01-01T00:00:00Z", "token_count": 0,
        "metadata": {
            "title": null, "tags": [], "turn_count": 0, "tool_call_count": 0, "approval_count": 0, "custom": {},
        },
    })
}

fn every_member() -> Value {
    let allowance = |pattern: Value, id: u8| {
        json!({
            "id": format!("00000000-0000-4000-8000-{id:012}"), "action_pattern": pattern,
            "created_at": "2026-02-20T10:00:00Z", "expires_at": "2999-01-01T00:00:00Z", "max_uses": 3, "uses_remaining": 2,
            "session_only": true, "workspace_root": "/w/app", "signature": format!("{}==", "A".repeat(86)),
        })
    };
    let patterns = [
        json!({"type": "exact_tool", "server": "fs", "tool": "read"}),
        json!({"type": "server_tools", "server": "fs"}),
        json!({"type": "file_pattern", "pattern": "/w/**", "permission": "read"}),
        json!({"type": "network_host", "host": "example.org", "ports": [443]}),
        json!({"type": "network_host", "host": "example.org", "ports": null}),
        json!({"type": "command_pattern", "command": "git status"}),
        json!({"type": "workspace_relative", "pattern": "src/**", "permission": "write"}),
        json!({"type": "custom", "pattern": "anything"}),
        json!({"type": "capsule_capability", "capsule_id": "c", "capability": "k"}),
        json!({"type": "capsule_wildcard", "capsule_id": "c"}),
    ];
    let allowances: Vec<_> = patterns.into_iter().zip(1..).map(|(pattern, id)| allowance(pattern, id)).collect();
    json!({
        "id": "6f1c1a52-6c0e-4a53-9d5d-2f0a9f0f8a11", "user_id": "0102030405060708",
        "messages": [
            {"role": "system", "content": "Be terse."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image", "data": "iVBORw0KGgo=", "media_type": "image/png"},
            ]},
            {"role": "assistant", "content": [
                {"id": "c1", "name": "fs:list", "arguments": {"path": ".", "deep": [true, null]}},
                {"id": "c2", "name": "clock", "arguments": null},
            ]},
            {"role": "tool", "content": {"call_id": "c1", "content": "a.txt", "is_error": false}},
            {"role": "tool", "content": {"call_id": "c2", "content": "no clock", "is_error": true}},
            {"role": "assistant", "content": "A list of one file."},
        ],
        "system_prompt": "Be terse.", "created_at": "2026-02-20T10:00:00.123456789Z", "token_count": 102,
        "metadata": {
            "title": "Files", "tags": ["a", "b"], "turn_count": 1, "tool_call_count": 2, "approval_count": 1,
            "custom": {"ticket": "T-1"},
        },
        "allowances": allowances,
        "budget_snapshot": {
            "session_spent_usd": 0.02,
            "config": {"session_max_usd": 100.0, "per_action_max_usd": 10.0, "warn_at_percent": 80},
            "last_updated": "2026-02-20T10:00:04Z",
        },
        "escape_state": {"remembered_paths": ["/"]},
        "workspace_path": ".", "model": "m-1",
    })
}

fn unicode() -> Value {
    let mut session = empty();
    let texts =
        ["", "\u{0}\u{1f}", "e\u{301} \u{e9}", "\u{2028}\u{feff}\u{ffff}", "\u{1f468}\u{200d}\u{1f469}", "\"\\/\r\n\t"];
    session["id"] = json!("00000000-0000-4000-8000-000000000001");
    session["messages"] = texts.iter().map(|text| json!({"role": "user", "content": text})).collect();
    session["metadata"]["tags"] = json!(texts);
    session["metadata"]["custom"] = json!({"": "", "e\u{301}": "\u{1f468}"});
    session
}

fn numbers() -> Value {
    let mut session = empty();
    let of = json!([0, -1, i64::MIN, i64::MAX, u64::MAX, 9007199254740993u64, 0.1, -0.0, 1e22, 5e-324, f64::MAX]);
    session["id"] = json!("ffffffff-ffff-ffff-ffff-ffffffffffff");
    session["user_id"] = json!("ffffffffffffffff");
    session["messages"] =
        json!([{"role": "assistant", "content": [{"id": "c1", "name": "sum", "arguments": {"of": of}}]}]);
    session["token_count"] = json!(u64::MAX);
    session["budget_snapshot"] = json!({
        "session_spent_usd": f64::MAX,
        "config": {"session_max_usd": 5e-324, "per_action_max_usd": -0.0, "warn_at_percent": 255},
        "last_updated": "2026-02-20T10:00:04Z",
    });
    session
}
