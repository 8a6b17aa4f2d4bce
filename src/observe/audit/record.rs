//! Parses the lines of an audit log: what is kept of a record, and how invalid lines are handled.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    kubernetes::{is_kubelet, user_role},
    model::Role,
};

/// The limit for a line. A record has some kilobytes; with the objects of the request it may be much longer.
const LONGEST_LINE: usize = 4 << 20;
/// No name in Kubernetes is longer.
const LONGEST_NAME: usize = 253;

/// A deletion or an eviction that the API server granted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Deletion {
    pub namespace: String,
    /// The object in the form of the journal: `pod/web-1`.
    pub object: String,
    pub uid: String,
    pub user: String,
    pub agent: String,
    pub role: Role,
    pub evicted: bool,
    pub at: Option<Timestamp>,
    /// The same time on the run's clock; below, when it was read.
    pub at_us: u64,
    pub read_us: u64,
}

/// A line of the log, or a record of a list in a line.
#[derive(Debug, PartialEq)]
pub(super) struct LogLine {
    /// A hash that is the same when the record is read again.
    pub mark: u64,
    /// None if the line is not a record.
    pub record: Option<Found>,
}

/// What is kept of a record.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub at: Option<Timestamp>,
    /// The deletion, if the record is about one.
    pub deletion: Option<Deletion>,
}

/// Splits incoming bytes into lines, in pieces of any length.
#[derive(Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
    /// Whether the current line is too long, and is skipped.
    skips: bool,
}

impl Lines {
    /// Returns the records of all lines that are complete now.
    pub(super) fn parse(&mut self, bytes: &[u8]) -> Vec<LogLine> {
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
                    found.push(LogLine { mark: mark(&[piece]), record: None });
                } else if !line.trim_ascii().is_empty() {
                    read(&line, &mut found);
                }
            }
        }
        found
    }
}

fn read(line: &[u8], found: &mut Vec<LogLine>) {
    match serde_json::from_slice::<Record>(line) {
        // A webhook receives lists of records.
        Ok(Record { kind, items, .. }) if kind == "EventList" => found.extend(items.into_iter().map(kept)),
        Ok(record) if record.kind == "Event" => found.push(kept(record)),
        _ => found.push(LogLine { mark: mark(&[line]), record: None }),
    }
}

fn kept(record: Record) -> LogLine {
    let parts = [&record.audit_id, &record.stage, &record.request_received_timestamp];
    let mark = mark(&parts.map(|part| part.as_bytes()));
    let at = record.request_received_timestamp.parse().ok();
    let deletion = deletion(record).map(|deletion| Deletion { at, ..deletion });
    LogLine { mark, record: Some(Found { at, deletion }) }
}

/// A hash, to recognise a record.
fn mark(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// The fields that are read. All others are ignored.
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
    #[serde(rename = "requestURI")]
    request_uri: String,
    request_object: Option<Sent>,
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

/// The body of the request. The body of most requests is something else, in which the same field may have another
/// meaning.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sent {
    Options(Options),
    Other(IgnoredAny),
}

/// The part of a request that contains `dryRun`: the options of a deletion, also within an eviction.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Options {
    dry_run: Vec<String>,
    delete_options: Option<Box<Options>>,
}

impl Options {
    fn is_dry(&self) -> bool {
        !self.dry_run.is_empty() || self.delete_options.as_ref().is_some_and(|inner| inner.is_dry())
    }
}

impl Record {
    /// Whether it was a dry run.
    fn is_dry(&self) -> bool {
        let query = self.request_uri.split_once('?').map_or("", |(_, query)| query);
        let sent = match &self.request_object {
            Some(Sent::Options(options)) => options.is_dry(),
            Some(Sent::Other(IgnoredAny)) | None => false,
        };
        sent || query.split('&').any(|part| part.starts_with("dryRun="))
    }
}

/// The resources that a drill watches, and their names in the journal.
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
    if record.is_dry() {
        return None;
    }
    let object = record.object_ref?;
    let evicted = record.verb == "create" && object.subresource == "eviction";
    let deletes = record.verb == "delete" && object.subresource.is_empty();
    let succeeded = (200..300).contains(&record.response_status.code);
    let told = record.stage == "ResponseComplete" && succeeded && (deletes || evicted);
    let (_, kind) = WATCHED.iter().find(|(plural, _)| *plural == object.resource).filter(|_| told)?;
    let user = record.impersonated_user.map_or(record.user.username, |u| u.username);
    let agent = record.user_agent.split_whitespace().next().unwrap_or("").to_owned();
    // It was deleted outside the drill; the kubelet only confirms that it has stopped.
    if is_kubelet(&user) && *kind == "pod" {
        return None;
    }
    let role = user_role(&user, &agent);
    Some(Deletion {
        namespace: short(&object.namespace),
        object: format!("{kind}/{}", short(&object.name)),
        uid: short(&object.uid),
        user: short(&user),
        agent: short(&agent),
        role,
        evicted,
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

    /// The deletions in the lines, and the number of damaged lines.
    fn told(found: Vec<LogLine>) -> (Vec<Deletion>, usize) {
        let damaged = found.iter().filter(|read| read.record.is_none()).count();
        (found.into_iter().filter_map(|read| read.record?.deletion).collect(), damaged)
    }

    fn deletions(text: &str) -> Vec<Deletion> {
        told(Lines::default().parse(format!("{text}\n").as_bytes())).0
    }

    #[test]
    fn a_deletion_has_its_author_and_nothing_of_what_was_sent() {
        let text = format!("{}\n{}\n", line("delete", POD, ""), line("patch", POD, ""));
        let read = Lines::default().parse(text.as_bytes());
        assert_eq!(read.len(), 2);
        assert!(!format!("{read:?}").contains("hunter2"));
        let (found, damaged) = told(read);
        assert_eq!((found.len(), damaged), (1, 0));
        let deletion = &found[0];
        assert_eq!((deletion.object.as_str(), deletion.user.as_str()), ("pod/web-1", "alice"));
        assert_eq!((deletion.agent.as_str(), deletion.role), ("kubectl/v1.37", Role::Person));
        // If a user impersonates another one, the impersonated user is named.
        let acts = line("delete", POD, r#","impersonatedUser":{"username":"bob"}"#);
        assert_eq!(deletions(&acts)[0].user, "bob");
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
            found.extend(lines.parse(piece));
        }
        let (whole, damaged) = told(found);
        assert_eq!((whole.len(), damaged), (1, 3), "the last line is not whole yet");
        assert_eq!(told(lines.parse(b"\n")).0.len(), 1);
        // A line that is longer than any record is skipped without using memory.
        for _ in 0..9 {
            lines.parse(&vec![b'x'; LONGEST_LINE / 2]);
            assert!(lines.rest.len() <= LONGEST_LINE);
        }
        let (whole, damaged) = told(lines.parse(format!("\n{}\n", line("delete", POD, "")).as_bytes()));
        assert_eq!((whole.len(), damaged), (1, 1));
    }

    #[test]
    fn what_failed_or_is_of_another_stage_is_no_deletion() {
        let refused = line("delete", POD, "").replace("\"code\":200", "\"code\":403");
        let begun = line("delete", POD, "").replace("ResponseComplete", "RequestReceived");
        let secret = line("delete", &POD.replace("pods", "secrets"), "");
        assert_eq!(deletions(&format!("{refused}\n{begun}\n{secret}")), []);
        let eviction = POD.replace("\"apiVersion\"", "\"subresource\":\"eviction\",\"apiVersion\"");
        let list = format!(r#"{{"kind":"EventList","items":[{}]}}"#, line("create", &eviction, ""));
        let found = deletions(&list);
        assert!(found.len() == 1 && found[0].evicted, "{found:?}");
    }

    #[test]
    fn a_request_that_only_asks_deletes_nothing_and_a_kubelet_only_confirms() {
        let eviction = POD.replace("\"apiVersion\"", "\"subresource\":\"eviction\",\"apiVersion\"");
        let sent = |object: &str| line("delete", POD, "").replace(r#"{"data":{"password":"hunter2"}}"#, object);
        let evicted = line("create", &eviction, "");
        let dry = [
            line("delete", POD, r#","requestURI":"/api/v1/namespaces/shop/pods/web-1?a=b&dryRun=All""#),
            sent(r#"{"kind":"DeleteOptions","dryRun":["All"]}"#),
            evicted.replace(r#"{"data":{"password":"hunter2"}}"#, r#"{"deleteOptions":{"dryRun":["All"]}}"#),
            line("delete", POD, "").replace("alice", "system:node:node-a"),
        ];
        assert_eq!(deletions(&dry.join("\n")), []);
        assert_eq!(deletions(&sent(r#"{"kind":"DeleteOptions","gracePeriodSeconds":0}"#)).len(), 1);
        assert_eq!(deletions(&line("delete", POD, r#","requestURI":"/a?gracePeriodSeconds=0""#)).len(), 1);
        for other in ["[1]", "null", "\"text\"", r#"{"dryRun":true}"#, r#"{"deleteOptions":7}"#] {
            assert_eq!(deletions(&sent(other)).len(), 1, "{other}");
        }
    }
}
