//! Files that the real store has written, for `spec/dialects/trusty-mpm/vectors`.

use std::path::Path;

use serde_json::{Value, json};
use trusty_mpm::core::sm::ConversationStore;

pub fn write(folder: &Path) {
    let store = ConversationStore::new(folder);
    for (id, document) in documents() {
        let conversation = serde_json::from_value(document).expect("a document is a conversation");
        store.save(id, &conversation).expect("the folder can be written to");
    }
}

fn documents() -> [(&'static str, Value); 4] {
    let round = |user: &str, assistant: &str, ts: &str| json!({"user": user, "assistant": assistant, "ts": ts, "tool_calls": []});
    let every_member = json!({
        "compressed_context": "Goal g-7: migrate CI. Session s-2 spawned.",
        "recent_rounds": [
            {"user": "status?", "assistant": "2 of 3 jobs are green.", "ts": "2026-07-01T09:30:00Z", "tool_calls": [
                {"name": "session_observe", "summary": "s-2 idle, tests passed"},
                {"name": "memory_remember", "summary": ""},
            ]},
            round("and now?", "All green.", "2026-07-01T09:31:07.123456789Z"),
        ],
        "total_rounds": 41,
        "token_estimate": 312,
    });
    let texts =
        ["", "\u{0}\u{1f}", "e\u{301} \u{e9}", "\u{2028}\u{feff}\u{ffff}", "\u{1f468}\u{200d}\u{1f469}", "\"\\/\r\n\t"];
    let rounds: Vec<_> = texts.iter().map(|text| round(text, text, "1969-12-31T23:59:59.100Z")).collect();
    [
        ("empty", json!({"compressed_context": "", "recent_rounds": [], "total_rounds": 0, "token_estimate": 0})),
        ("every-member", every_member),
        (
            "numbers",
            json!({
                "compressed_context": "",
                "recent_rounds": [
                    round("", "", "0000-01-01T00:00:00Z"),
                    round("", "", "9999-12-31T23:59:59.999999Z"),
                    round("", "", "+10000-01-01T00:00:00Z"),
                ],
                "total_rounds": u64::MAX,
                "token_estimate": 9_007_199_254_740_993_u64,
            }),
        ),
        (
            "id with / and ..",
            json!({
                "compressed_context": texts.concat(), "recent_rounds": rounds, "total_rounds": 6, "token_estimate": 1,
            }),
        ),
    ]
}
