//! Sessions that the real store has written, for `spec/dialects/crabtalk/vectors`. Their times are those of the run.

use std::path::Path;

use crabtalk::storage::FsStorage;
use crabtalk_core::model::HistoryEntry;
use crabtalk_core::storage::{SessionHandle, Storage};
use crabtalk_core::{ConversationMeta, EventLine};
use serde_json::{Value, from_value, json};
use tokio::runtime::Runtime;

pub fn write(folder: &Path) {
    let storage = FsStorage::new(folder.join("config"), folder.to_owned(), vec![]);
    let written = async {
        storage.create_session("crab", "empty").await?;

        let every = storage.create_session("Crab", "tg:12345").await?;
        append(&storage, &every, json!([{"message": {"role": "user", "content": [{"type": "text", "text": "old"}]}}]))
            .await?;
        storage.append_session_compact(&every, "crab_tg-12345_1-archive-1").await?;
        append(&storage, &every, every_entry()).await?;
        let events: Vec<EventLine> = from_value(every_event()).expect("they are events");
        storage.append_session_events(&every, &events).await?;
        let meta: ConversationMeta = from_value(json!({
            "agent": "Crab", "created_by": "tg:12345", "created_at": "2026-05-19T09:08:02.100+00:00",
            "title": "disk cleanup", "updated_at": "2026-05-19T09:09:40+00:00", "message_count": 6, "summary": "All of it.",
        }))
        .expect("it is a meta");
        storage.update_session_meta(&every, &meta).await?;

        let unicode = storage.create_session("crab", "🦀/..").await?;
        let texts = [
            "",
            "\u{0}\u{1f}",
            "e\u{301} \u{e9}",
            "\u{2028}\u{feff}\u{ffff}",
            "\u{1f468}\u{200d}\u{1f469}",
            "\"\\/\r\n\t",
        ];
        let blocks: Vec<_> = texts.iter().map(|text| json!({"type": "text", "text": text})).collect();
        append(&storage, &unicode, json!([{"message": {"role": "user", "content": blocks}}])).await?;

        let numbers = storage.create_session("crab", "numbers").await?;
        let input =
            json!([0, -1, i64::MIN, i64::MAX, u64::MAX, 9007199254740993u64, 0.1, -0.0, 1e22, 5e-324, f64::MAX]);
        let call = json!({"type": "tool_use", "id": "c1", "name": "sum", "input": input});
        append(&storage, &numbers, json!([{"message": {"role": "assistant", "content": [call]}}])).await
    };
    Runtime::new().expect("a runtime can be built").block_on(written).expect("the folder can be written to");
}

async fn append(
    storage: &FsStorage,
    session: &SessionHandle,
    entries: Value,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let entries: Vec<HistoryEntry> = from_value(entries).expect("they are entries");
    Ok(storage.append_session_messages(session, &entries).await?)
}

fn every_entry() -> Value {
    let image =
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}});
    json!([
        {"message": {"role": "system", "content": [{"type": "text", "text": "Be terse."}]}},
        {"message": {"role": "user", "content": [{"type": "text", "text": "free some disk"}, image]}},
        {"agent": "guest", "message": {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "df first", "signature": "c2ln"},
            {"type": "thinking", "thinking": "unsigned"},
            {"type": "tool_use", "id": "c1", "name": "bash", "input": {"cmd": "df -h", "nothing": null}},
        ]}},
        {"message": {"role": "tool", "content": [
            {"type": "tool_result", "tool_use_id": "c1", "name": "bash", "content": "/dev/vda 30%"},
            {"type": "tool_result", "tool_use_id": "c2", "content": [{"type": "text", "text": "and"}, image]},
        ]}},
        {"message": {"role": "developer", "content": []}},
        {"message": {"role": "narrator", "content": [{"type": "text", "text": "a role of its own"}]}},
    ])
}

fn every_event() -> Value {
    let ts = "2026-05-19T09:08:05+00:00";
    json!([
        {"event": "tool_start", "ts": ts, "calls": [
            {"id": "c1", "name": "bash", "arguments": "{\"cmd\":\"df -h\"}"}, {"id": "c2", "name": "date"},
        ]},
        {"event": "tool_result", "call_id": "c1", "duration_ms": 12, "ts": ts},
        {"event": "done", "model": "m-1", "iterations": 2, "stop_reason": "stop", "ts": ts, "usage": {
            "prompt_tokens": 700, "completion_tokens": 200, "total_tokens": 900,
            "completion_tokens_details": {"reasoning_tokens": 50},
            "prompt_cache_hit_tokens": 100, "prompt_cache_miss_tokens": 600,
        }},
        {"event": "done", "model": "", "iterations": 0, "stop_reason": "", "ts": "", "usage": {
            "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": u32::MAX, "completion_tokens_details": {},
        }},
        {"event": "user_steered", "content": "stop", "ts": ts},
    ])
}
