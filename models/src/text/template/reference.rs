//! Templates of every public kind, against what the reference implementation renders; `tests/reference/templates.py` wrote
//! the table.

use serde_json::Value;

use super::{ChatTemplate, NamedTokens};
use crate::text::Message;

#[test]
fn every_kind_of_template_says_what_it_says_in_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/templates/reference.jsonl");
    let (mut same, mut refused, mut wrong) = (0, 0, Vec::new());
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let token = |name: &str| row["tokens"][name].as_str().map(str::to_owned);
        let tokens = NamedTokens { bos: token("bos_token"), eos: token("eos_token"), ..NamedTokens::default() };
        let messages: Vec<Message> = serde_json::from_value(row["messages"].clone()).unwrap();
        let template = ChatTemplate::untried(row["template"].as_str().unwrap(), tokens);
        let found = template.render(&messages).map_err(|error| error.to_string());
        let name = row["name"].as_str().unwrap();
        match (&found, row["text"].as_str()) {
            (Ok(found), Some(expected)) if found == expected => same += 1,
            (Err(_), None) => refused += 1,
            (found, expected) => wrong.push(format!("{name}: {found:?}\n  instead of {expected:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(same >= 80 && refused >= 3, "{same} templates say the same, {refused} are refused by both");
}
