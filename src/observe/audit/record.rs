//! Lines of an audit log: what is kept of a record, and what becomes of a line that is none.

use jiff::Timestamp;
use serde::Deserialize;

use crate::{kubernetes::user_role, model::Role};

/// A record is some kilobytes; one with the objects that were sent may be much longer.
const LONGEST_LINE: usize = 4 << 20;
/// Kubernetes' names are no longer.
const LONGEST_NAME: usize = 253;

/// A deletion, or an eviction, that the API server answered with success.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Deletion {
    /// The record's id.
    pub id: String,
    pub namespace: String,
    /// `pod/web-1`, as the journal has it.
    pub object: String,
    pub uid: String,
    pub user: String,
    pub agent: String,
    pub role: Role,
    pub evicted: bool,
    pub at: Option<Timestamp>,
    /// The same by the run's clock, and when it was read.
    pub at_us: u64,
    pub read_us: u64,
    /// The workload of a pod.
    pub owner: Option<String>,
}

/// Takes lines as they come, in pieces of any length.
#[derive(Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
    /// The line that is being read is too long, and is left out.
    skips: bool,
    pub records: u64,
    pub damaged: u64,
}

impl Lines {
    /// The deletions of all lines that are whole now.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Deletion> {
        let mut found = vec![];
        let mut pieces = bytes.split(|b| *b == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let ends = pieces.peek().is_some();
            if self.rest.len() + piece.len() > LONGEST_LINE {
                self.skips = true;
                self.rest.clear();
            }
            if !self.skips {
                self.rest.extend_from_slice(piece);
            }
            if ends {
                let line = std::mem::take(&mut self.rest);
                if std::mem::take(&mut self.skips) {
                    self.damaged += 1;
                } else if !line.trim_ascii().is_empty() {
                    self.line(&line, &mut found);
                }
            }
        }
        found
    }

    fn line(&mut self, line: &[u8], found: &mut Vec<Deletion>) {
        match serde_json::from_slice::<Record>(line) {
            // A webhook is sent lists of them.
            Ok(Record { kind, items, .. }) if kind == "EventList" => {
                self.records += items.len() as u64;
                found.extend(items.into_iter().filter_map(deletion));
            }
            Ok(record) if record.kind == "Event" => {
                self.records += 1;
                found.extend(deletion(record));
            }
            _ => self.damaged += 1,
        }
    }
}

/// What is read of a record; everything else is passed over.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Record {
    kind: String,
    #[serde(rename = "auditID")]
    audit_id: String,
    stage: String,
    verb: String,
    user: User,
    impersonated_user: Option<User>,
    user_agent: String,
    object_ref: Option<Object>,
    response_status: Status,
    request_received_timestamp: String,
    items: Vec<Record>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    resource: String,
    namespace: String,
    name: String,
    uid: String,
    subresource: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: i64,
}

/// Resources of which a drill watches the objects, and how the journal names them.
const WATCHED: [(&str, &str); 8] = [
    ("pods", "pod"),
    ("deployments", "deployment"),
    ("statefulsets", "statefulset"),
    ("daemonsets", "daemonset"),
    ("services", "service"),
    ("configmaps", "configmap"),
    ("poddisruptionbudgets", "poddisruptionbudget"),
    ("nodes", "node"),
];

fn deletion(record: Record) -> Option<Deletion> {
    let object = record.object_ref?;
    let evicted = record.verb == "create" && object.subresource == "eviction";
    let deletes = record.verb == "delete" && object.subresource.is_empty();
    let succeeded = (200..300).contains(&record.response_status.code);
    let told = record.stage == "ResponseComplete" && succeeded && (deletes || evicted);
    let (_, kind) = WATCHED.iter().find(|(plural, _)| *plural == object.resource).filter(|_| told)?;
    let user = record.impersonated_user.map_or(record.user.username, |u| u.username);
    let agent = record.user_agent.split_whitespace().next().unwrap_or("").to_owned();
    let role = user_role(&user, &agent);
    Some(Deletion {
        id: short(&record.audit_id),
        namespace: short(&object.namespace),
        object: format!("{kind}/{}", short(&object.name)),
        uid: short(&object.uid),
        user: short(&user),
        agent: short(&agent),
        role,
        evicted,
        at: record.request_received_timestamp.parse().ok(),
        ..Deletion::default()
    })
}

fn short(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(verb: &str, object: &str, more: &str) -> String {
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"i-1","stage":"ResponseComplete","verb":"{verb}","user":{{"username":"alice","groups":["x"]}},"userAgent":"kubectl/v1.37 (linux)","objectRef":{object},"responseStatus":{{"code":200}},"requestReceivedTimestamp":"2026-01-01T00:00:01.000000Z","requestObject":{{"data":{{"password":"hunter2"}}}}{more}}}"#
        )
    }

    const POD: &str = r#"{"resource":"pods","namespace":"shop","name":"web-1","uid":"u-1","apiVersion":"v1"}"#;

    #[test]
    fn a_deletion_has_its_author_and_nothing_of_what_was_sent() {
        let mut lines = Lines::default();
        let text = format!("{}\n{}\n", line("delete", POD, ""), line("patch", POD, ""));
        let found = lines.take(text.as_bytes());
        assert_eq!(found.len(), 1);
        let deletion = &found[0];
        assert_eq!((deletion.object.as_str(), deletion.user.as_str()), ("pod/web-1", "alice"));
        assert_eq!((deletion.agent.as_str(), deletion.role), ("kubectl/v1.37", Role::Person));
        assert!(!format!("{found:?}").contains("hunter2"));
        assert_eq!((lines.records, lines.damaged), (2, 0));
        // Somebody who acts as somebody else is named as whom they act.
        let acts = line("delete", POD, r#","impersonatedUser":{"username":"bob"}"#) + "\n";
        assert_eq!(lines.take(acts.as_bytes())[0].user, "bob");
    }

    #[test]
    fn lines_come_in_pieces_and_damaged_ones_are_counted() {
        let mut lines = Lines::default();
        let text = format!(
            "{}\nnot json\n\n[1]\n{{\"kind\":\"Other\"}}\n{}",
            line("delete", POD, ""),
            line("delete", POD, "")
        );
        let mut found = vec![];
        for piece in text.as_bytes().chunks(7) {
            found.extend(lines.take(piece));
        }
        assert_eq!((found.len(), lines.damaged), (1, 3), "the last line is not whole yet");
        found.extend(lines.take(b"\n"));
        assert_eq!(found.len(), 2);
        // One that is longer than any record is passed over, and costs no memory.
        for _ in 0..9 {
            lines.take(&vec![b'x'; LONGEST_LINE / 2]);
            assert!(lines.rest.len() <= LONGEST_LINE);
        }
        assert_eq!(lines.take(format!("\n{}\n", line("delete", POD, "")).as_bytes()).len(), 1);
        assert_eq!(lines.damaged, 4);
    }

    #[test]
    fn what_failed_or_is_of_another_stage_is_no_deletion() {
        let mut lines = Lines::default();
        let refused = line("delete", POD, "").replace("\"code\":200", "\"code\":403");
        let begun = line("delete", POD, "").replace("ResponseComplete", "RequestReceived");
        let secret = line("delete", &POD.replace("pods", "secrets"), "");
        let text = format!("{refused}\n{begun}\n{secret}\n");
        assert_eq!(lines.take(text.as_bytes()), []);
        let eviction = POD.replace("\"apiVersion\"", "\"subresource\":\"eviction\",\"apiVersion\"");
        let list = format!(r#"{{"kind":"EventList","items":[{}]}}"#, line("create", &eviction, ""));
        let found = lines.take(format!("{list}\n").as_bytes());
        assert!(found.len() == 1 && found[0].evicted, "{found:?}");
    }
}
