//! A watch as a stream of lines. It reports when it ended, and why, because a verdict that depends on it must know.
//! (The watcher of kube-runtime hides streams that have stopped sending.)

use http_body_util::BodyExt;
use kube::client::Body;
use serde::Deserialize;
use serde_json::Value;

/// One line of a watch.
#[derive(Clone, Debug)]
pub enum WatchEvent {
    /// ADDED or MODIFIED.
    Changed(Value),
    /// DELETED.
    Deleted(Value),
    /// Nothing changed up to this version. It proves that the connection works.
    Bookmark(String),
    /// The version is too old, or the server has a problem: list again.
    Error(String),
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    type_: String,
    object: Value,
}

/// An open watch.
#[derive(Debug)]
pub struct WatchLines {
    path: String,
    body: Body,
    buffer: Vec<u8>,
}

impl WatchLines {
    pub(super) fn new(path: String, body: Body) -> Self {
        Self { path, body, buffer: vec![] }
    }

    /// The next line; none if the stream ended normally.
    pub async fn next(&mut self) -> Result<Option<WatchEvent>, String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if line.len() > 1 {
                    return self.parse(&line).map(Some);
                }
                continue;
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(format!("{}: {error}", self.path)),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
            }
        }
    }

    fn parse(&self, line: &[u8]) -> Result<WatchEvent, String> {
        let line: Line =
            serde_json::from_slice(line).map_err(|e| format!("{}: cannot read a line of the watch: {e}", self.path))?;
        let version = line.object.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or("").to_owned();
        Ok(match line.type_.as_str() {
            "ADDED" | "MODIFIED" => WatchEvent::Changed(line.object),
            "DELETED" => WatchEvent::Deleted(line.object),
            "BOOKMARK" => WatchEvent::Bookmark(version),
            _ => WatchEvent::Error(
                line.object
                    .get("message")
                    .and_then(Value::as_str)
                    .unwrap_or("the watch ended with an error")
                    .to_owned(),
            ),
        })
    }
}
