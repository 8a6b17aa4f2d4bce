//! A watch as a stream of lines. It reports when it ended, and why, because a verdict that depends on it must know.
//! (The watcher of kube-runtime hides streams that have stopped sending.)

use http_body_util::BodyExt;
use kube::client::Body;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// One line of a watch.
#[derive(Clone, Debug)]
pub enum WatchEvent<T = Value> {
    /// ADDED or MODIFIED.
    Changed(T),
    /// DELETED.
    Deleted(T),
    /// Nothing changed up to this version. It proves that the connection works.
    Bookmark(String),
    /// The version is too old, or the server has a problem: list again.
    Error(String),
}

#[derive(Deserialize)]
struct Line<T> {
    #[serde(rename = "type")]
    type_: Type,
    object: T,
}

/// The type of a line.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Type {
    Added,
    Modified,
    Deleted,
    Bookmark,
    #[serde(other)]
    Error,
}

/// An object of a list or of a watch in the type that its reader needs, or as JSON if it has another shape.
pub type Readable<T> = Result<T, Value>;

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
        Ok(match self.line().await? {
            Some(line) => Some(self.parse(&line)?),
            None => None,
        })
    }

    /// The next line, with the object in a type that has only the fields that are needed.
    pub async fn next_as<T: DeserializeOwned>(&mut self) -> Result<Option<WatchEvent<Readable<T>>>, String> {
        let Some(text) = self.line().await? else { return Ok(None) };
        Ok(Some(match serde_json::from_slice::<Line<T>>(&text) {
            Ok(Line { type_: Type::Added | Type::Modified, object }) => WatchEvent::Changed(Ok(object)),
            Ok(Line { type_: Type::Deleted, object }) => WatchEvent::Deleted(Ok(object)),
            // Bookmarks and errors are rare. Objects of another shape are rarer.
            _ => match self.parse(&text)? {
                WatchEvent::Changed(object) => WatchEvent::Changed(readable(object)),
                WatchEvent::Deleted(object) => WatchEvent::Deleted(readable(object)),
                WatchEvent::Bookmark(version) => WatchEvent::Bookmark(version),
                WatchEvent::Error(why) => WatchEvent::Error(why),
            },
        }))
    }

    /// The text of the next line that is not empty.
    async fn line(&mut self) -> Result<Option<Vec<u8>>, String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                let line = std::mem::replace(&mut self.buffer, rest);
                if line.len() > 1 {
                    return Ok(Some(line));
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
        let line: Line<Value> =
            serde_json::from_slice(line).map_err(|e| format!("{}: cannot read a line of the watch: {e}", self.path))?;
        let version = line.object.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or("").to_owned();
        Ok(match line.type_ {
            Type::Added | Type::Modified => WatchEvent::Changed(line.object),
            Type::Deleted => WatchEvent::Deleted(line.object),
            Type::Bookmark => WatchEvent::Bookmark(version),
            Type::Error => WatchEvent::Error(
                line.object
                    .get("message")
                    .and_then(Value::as_str)
                    .unwrap_or("the watch ended with an error")
                    .to_owned(),
            ),
        })
    }
}

/// Reads an object into a type. It stays JSON if it has another shape.
pub fn readable<T: DeserializeOwned>(object: Value) -> Readable<T> {
    T::deserialize(&object).map_err(|_| object)
}
