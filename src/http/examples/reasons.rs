//! Examples of reasons and their tables.

use serde_json::{Value, json};

use super::{KEY, LOANS_SHA256};

pub(super) fn reasons() -> Value {
    let reason = |code: &str, text: &str, columns: &[&str], contribution: f64| json!({"code": code, "text": text, "columns": columns, "contribution": contribution});
    json!({
        "rows": [[
            reason("R01", "Your income is low for the amount that you ask for.", &["income"], 0.62),
            reason("age", "age is 31; approved applicants nearest the cut-off mostly have 36 to 52", &["age"], 0.21)
        ]],
        "adverse_class": "1", "cut_off": 0.31, "method": "expected_gradients",
        "directions": "scored", "max": 2, "table": 1, "language": "en",
        "baseline": {
            "id": LOANS_SHA256, "rows": 143, "rule": "near_cut_off", "source": "applicants",
            "chosen_from": 4096
        },
        "holds": true
    })
}

pub(in crate::http) fn new_reason_table() -> Value {
    json!({"entries": [
        {"code": "R01", "columns": ["income"], "when": "low",
         "text": "Your income is low for the amount that you ask for.", "language": "en"},
        {"code": "R02", "columns": ["education"], "when": ["secondary", "none"],
         "text": "Your education tells of little income to come.", "language": "en"}
    ]})
}

pub(in crate::http) fn reason_table() -> Value {
    json!({
        "model": "default-risk", "number": 1, "entries": new_reason_table()["entries"],
        "created_at": "2026-03-02T10:00:00Z", "created_by": KEY
    })
}

pub(in crate::http) fn reason_table_page() -> Value {
    let (created_at, created_by) = ("2026-03-02T10:00:00Z", KEY);
    json!({"items": [
        {"number": 1, "entries": 2, "created_at": created_at, "created_by": created_by}
    ]})
}

pub(in crate::http) fn reason_table_csv() -> &'static str {
    "code,columns,when,text,language\n\
     R01,income,low,Your income is low for the amount that you ask for.,en\n\
     R02,education,in secondary;none,Your education tells of little income to come.,en\n"
}
