//! Files that the real store has written, for `spec/dialects/ailoop/vectors`.

use std::path::Path;

use ailoop_context::{ConversationSnapshot, HistoryStore, JsonFileHistoryStore};
use serde_json::json;
use tokio::runtime::Builder;

pub fn write(folder: &Path) {
    let runtime = Builder::new_current_thread().build().expect("a runtime can be built");
    for (name, document) in documents() {
        let snapshot: ConversationSnapshot = serde_json::from_value(document).expect("a document is a snapshot");
        let store = JsonFileHistoryStore::new(folder.join(name));
        runtime.block_on(store.save(&snapshot)).expect("the folder can be written to");
    }
}

fn documents() -> [(&'static str, serde_json::Value); 4] {
    let sources = [
        json!({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}),
        json!({"type": "url", "url": "https://example.org/a.png"}),
        json!({"type": "file_id", "id": "file-1"}),
    ];
    let [base64, url, file] = &sources;
    let every_member = json!({
        "version": 1,
        "messages": [
            {"User": {"blocks": [
                {"Text": {"text": "What is the weather in Oslo?"}},
                {"Image": {"source": base64}}, {"Image": {"source": url}}, {"Document": {"source": file}},
            ]}},
            {"Assistant": {"blocks": [
                {"Reasoning": {"text": "A tool is needed.", "signature": "c2ln"}},
                {"Reasoning": {"text": "Unsigned.", "signature": null}},
                {"RedactedReasoning": {"data": "ZGF0YQ=="}},
                {"Text": {"text": "One moment."}},
                {"ToolCall": {"id": "c1", "name": "weather", "args": {"city": "Oslo", "days": [1, 2], "units": null}}},
                {"ToolCall": {"id": "c2", "name": "clock", "args": "now"}},
            ]}},
            {"User": {"blocks": [
                {"ToolResult": {"call_id": "c1", "content": {"blocks": [
                    {"type": "text", "text": "4 degrees"}, {"type": "image", "source": url},
                ]}}},
                {"ToolResult": {"call_id": "c2", "content": {"blocks": [], "is_error": true}}},
            ]}},
            {"Assistant": {"blocks": []}},
        ],
        "pinned": [true, false, false, true],
    });
    let texts =
        ["", "\u{0}\u{1f}", "e\u{301} \u{e9}", "\u{2028}\u{feff}\u{ffff}", "\u{1f468}\u{200d}\u{1f469}", "\"\\/\r\n\t"];
    let blocks: Vec<_> = texts.iter().map(|text| json!({"Text": {"text": text}})).collect();
    let numbers = json!([0, -1, i64::MIN, i64::MAX, u64::MAX, 9007199254740993u64, 0.1, -0.0, 1e22, 5e-324, f64::MAX]);
    [
        ("empty.json", json!({"version": 1, "messages": [], "pinned": []})),
        ("every-member.json", every_member),
        (
            "numbers.json",
            json!({"version": 1, "messages": [{"Assistant": {"blocks": [
            {"ToolCall": {"id": "c1", "name": "sum", "args": {"of": numbers, "z": 1, "a": {"": {}}}}},
        ]}}], "pinned": [false]}),
        ),
        ("unicode.json", json!({"version": 1, "messages": [{"User": {"blocks": blocks}}], "pinned": [true]})),
    ]
}
