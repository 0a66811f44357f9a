//! Files that the real store has written, for `spec/dialects/a3s-code/vectors`.

use std::path::Path;

use a3s_code_core::store::{FileSessionStore, SessionData, SessionStore};
use a3s_code_core::tools::ArtifactStore;
use serde_json::{Value, from_value, json};
use tokio::runtime::Runtime;

pub fn write(folder: &Path) {
    let written = async {
        let store = FileSessionStore::new(folder).await?;
        for document in [empty(), every_member(), unicode(), numbers()] {
            let session: SessionData = from_value(document).expect("a document is a session");
            store.save(&session).await?;
        }
        let artifacts = ArtifactStore::new();
        artifacts.put(from_value(artifact()).expect("it is an artifact"));
        store.save_artifacts("team/42", &artifacts).await?;
        store.save_trace_events("team/42", &from_value::<Vec<_>>(trace()).expect("they are events")).await?;
        store.save_verification_reports("team/42", &from_value::<Vec<_>>(reports()).expect("they are reports")).await?;
        store.save_artifacts("empty", &ArtifactStore::new()).await?;
        store.save_trace_events("empty", &[]).await?;
        store.save_verification_reports("empty", &[]).await
    };
    Runtime::new().expect("a runtime can be built").block_on(written).expect("the folder can be written to");
}

fn empty() -> Value {
    json!({
        "id": "empty",
        "config": {
            "name": "", "workspace": "", "system_prompt": null, "max_context_length": 0, "auto_compact": false,
        },
        "state": "Unknown", "messages": [],
        "context_usage": {"used_tokens": 0, "max_tokens": 0, "percent": 0.0, "turns": 0},
        "total_usage": {
            "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0,
            "cache_read_tokens": null, "cache_write_tokens": null,
        },
        "tool_names": [], "thinking_enabled": false, "thinking_budget": null, "created_at": 0, "updated_at": 0,
    })
}

fn every_member() -> Value {
    let image =
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}});
    let usage = json!({"prompt_tokens": 700, "completion_tokens": 200, "total_tokens": 900});
    let record = |cost: Value, session: Value| {
        let mut record = json!({
            "model": "m-1", "provider": "p", "cost_usd": cost, "timestamp": "2026-02-20T10:00:00.5Z", "session_id": session,
        });
        record.as_object_mut().unwrap().extend(usage.as_object().unwrap().clone());
        record
    };
    json!({
        "id": "team/42",
        "config": {
            "name": "fix build", "workspace": "/w/app", "system_prompt": "Be terse.", "max_context_length": 200_000,
            "auto_compact": true, "auto_compact_threshold": 0.8, "storage_type": "custom",
            "queue_config": {
                "controlMaxConcurrency": 2, "queryMaxConcurrency": 4, "executeMaxConcurrency": 2,
                "generateMaxConcurrency": 1, "laneHandlers": {"Execute": {"mode": "Internal", "timeout_ms": 60_000}},
                "enableDlq": true, "dlqMaxSize": 10, "enableMetrics": true, "enableAlerts": true,
                "defaultTimeoutMs": 1000, "storagePath": "/w/queue",
                "retryPolicy": {"strategy": "fixed", "maxRetries": 3, "initialDelayMs": 100, "fixedDelayMs": 50},
                "rateLimit": {"limitType": "per_second", "maxOperations": 5},
                "priorityBoost": {"strategy": "standard", "deadlineMs": 300_000},
                "pressureThreshold": 50, "laneTimeouts": {"Query": 500},
            },
            "confirmation_policy": {
                "enabled": true, "default_timeout_ms": 30_000, "timeout_action": "AutoApprove", "yolo_lanes": ["Query"],
            },
            "permission_policy": {
                "deny": [{"rule": "Bash(rm:*)"}], "allow": [{"rule": "read"}], "ask": [], "default_decision": "ask",
                "enabled": true,
            },
            "parent_id": "team/41",
            "security_config": {
                "enabled": true, "classification_rules": [], "redaction_strategy": "Remove",
                "network_whitelist": ["example.org"], "dangerous_commands": ["mkfs"],
                "features": {
                    "output_sanitizer": true, "taint_tracking": false, "tool_interceptor": true,
                    "injection_defense": false,
                },
            },
            "planning_mode": "Enabled", "goal_tracking": true,
        },
        "state": "Active",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "make it green"}, image]},
            {"role": "assistant", "reasoning_content": "run make", "content": [
                {"type": "tool_use", "id": "u1", "name": "bash", "input": {"command": "make", "nothing": null}},
                {"type": "tool_use", "id": "u2", "name": "look", "input": []},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "u1", "content": "ok", "is_error": false},
                {"type": "tool_result", "tool_use_id": "u2", "content": [{"type": "text", "text": "no"}, image], "is_error": true},
                {"type": "tool_result", "tool_use_id": "u3", "content": "", "is_error": null},
            ]},
            {"role": "narrator", "content": []},
        ],
        "context_usage": {"used_tokens": 900, "max_tokens": 200_000, "percent": 0.0045, "turns": 3},
        "total_usage": {
            "prompt_tokens": 700, "completion_tokens": 200, "total_tokens": 900,
            "cache_read_tokens": 100, "cache_write_tokens": 50,
        },
        "total_cost": 0.0123, "model_name": "m-1",
        "cost_records": [record(json!(0.0123), json!("team/42")), record(Value::Null, Value::Null)],
        "tool_names": ["bash", "look"], "thinking_enabled": true, "thinking_budget": 1024,
        "created_at": 1_760_000_000, "updated_at": 1_760_000_042,
        "llm_config": {"provider": "p", "model": "m-1", "api_key": "not written", "base_url": "https://llm.example.org"},
        "tasks": [
            {"id": "1", "content": "run make", "status": "in_progress", "priority": "high", "tool": "bash",
             "dependencies": ["0"], "success_criteria": "exit status 0"},
            {"id": "2", "content": "look", "status": "pending", "priority": "medium"},
        ],
        "parent_id": "team/40",
    })
}

fn unicode() -> Value {
    let mut session = empty();
    let texts =
        ["", "\u{0}\u{1f}", "e\u{301} \u{e9}", "\u{2028}\u{feff}\u{ffff}", "\u{1f468}\u{200d}\u{1f469}", "\"\\/\r\n\t"];
    let blocks: Vec<_> = texts.iter().map(|text| json!({"type": "text", "text": text})).collect();
    session["id"] = json!("unicode");
    session["messages"] = json!([{"role": "user", "content": blocks}]);
    session["tool_names"] = json!(texts);
    session
}

fn numbers() -> Value {
    let mut session = empty();
    let of = json!([0, -1, i64::MIN, i64::MAX, u64::MAX, 9007199254740993u64, 0.1, -0.0, 1e22, 5e-324, f64::MAX]);
    session["id"] = json!("numbers");
    session["messages"] =
        json!([{"role": "assistant", "content": [{"type": "tool_use", "id": "u1", "name": "sum", "input": of}]}]);
    session["context_usage"] = json!({"used_tokens": u64::MAX, "max_tokens": 1, "percent": f32::MAX, "turns": 0});
    session["total_cost"] = json!(f64::MAX);
    session["created_at"] = json!(i64::MIN);
    session["updated_at"] = json!(i64::MAX);
    session
}

fn artifact() -> Value {
    json!({
        "artifact_id": "tool-output:bash:abc", "artifact_uri": "a3s://tool-output/bash/abc", "tool_name": "bash",
        "content": "all of the output", "original_bytes": 17, "shown_bytes": 4,
    })
}

fn trace() -> Value {
    json!([
        {"schema": "a3s.trace_event.v1", "kind": "tool_execution", "name": "bash", "success": true, "exit_code": 0,
         "duration_ms": 12, "output_bytes": 17},
        {"schema": "a3s.trace_event.v1", "kind": "program_execution", "name": "p", "success": false, "exit_code": -1,
         "duration_ms": u64::MAX, "output_bytes": 0, "metadata_keys": ["a"], "artifact_uris": ["a3s://a"],
         "details": {"steps": [1, 2.5, null]}},
    ])
}

fn reports() -> Value {
    json!([
        {"schema": "a3s.verification_report.v1", "subject": "bash", "status": "needs_review", "residual_risks": ["r"],
         "checks": [
            {"id": "c1", "kind": "test", "description": "d", "status": "passed", "required": true,
             "suggested_tools": ["bash"], "evidence_uris": ["a3s://a"], "residual_risk": "none"},
            {"id": "c2", "kind": "", "description": "", "status": "skipped", "required": false},
         ]},
        {"schema": "a3s.verification_report.v1", "subject": "", "status": "failed", "checks": []},
    ])
}
