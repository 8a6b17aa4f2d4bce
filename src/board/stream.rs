//! What browsers get: the newest view, and the lines of the log that they do not have yet. A slow browser misses views
//! in between, and no line. Start with [`events`].

use std::{convert::Infallible, marker::PhantomData, time::Duration};

use axum::response::sse::{Event, Sse};
use futures_util::stream::{Stream, unfold};
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use super::{
    log::{Log, LogLine},
    seat::Keys,
};
use crate::exercise::TokenHash;

/// A browser that hears nothing for longer knows that the connection is gone. Also, how soon an old token ends.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// A view of one type, ready to be sent, with its logs. The type tells for whom it is.
#[derive(Debug)]
pub struct Feed<V> {
    view: String,
    logs: Vec<Log>,
    of: PhantomData<V>,
}

impl<V> Default for Feed<V> {
    fn default() -> Self {
        Self { view: "null".into(), logs: vec![], of: PhantomData }
    }
}

impl<V: Serialize> Feed<V> {
    pub(super) fn of(view: &V, logs: Vec<Log>) -> Self {
        let view = serde_json::to_string(view).unwrap_or_else(|_| "null".to_owned());
        Self { view, logs, of: PhantomData }
    }
}

/// The lines of a log from a certain one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Lines<'a> {
    edition: u64,
    from: usize,
    lines: Vec<&'a LogLine>,
}

/// The edition of each log that a browser has, and how many of its lines.
type Sent = Vec<(u64, usize)>;

impl<V> Feed<V> {
    /// The view, as JSON.
    pub fn view(&self) -> String {
        self.view.clone()
    }

    /// The message for a browser, which then has everything.
    pub(super) fn message(&self, sent: &mut Sent, now: Timestamp) -> String {
        let mut parts = vec![];
        for (i, log) in self.logs.iter().enumerate() {
            let from = sent.get(i).filter(|(edition, _)| *edition == log.edition).map_or(0, |(_, count)| *count);
            let lines = log.lines.iter().skip(from).map(|line| &**line).collect();
            parts.push(Lines { edition: log.edition, from, lines });
        }
        *sent = self.logs.iter().map(|log| (log.edition, log.lines.len())).collect();
        let logs = serde_json::to_string(&parts).unwrap_or_else(|_| "[]".to_owned());
        format!("{{\"nowMs\":{},\"view\":{},\"logs\":{logs}}}", now.as_millisecond(), self.view)
    }
}

/// One browser.
struct Client<V> {
    feed: watch::Receiver<Feed<V>>,
    sent: Sent,
    keys: Keys,
    token: TokenHash,
    now: fn() -> Timestamp,
}

impl<V> Client<V> {
    async fn next(&mut self) -> Option<Event> {
        let changed = tokio::time::timeout(HEARTBEAT, self.feed.changed()).await;
        // New tokens end what began with an earlier one.
        self.keys.seat(&self.token)?;
        match changed {
            Err(_) => Some(Event::default().comment("")),
            Ok(Err(_)) => None,
            Ok(Ok(())) => {
                let now = (self.now)();
                let feed = self.feed.borrow_and_update();
                Some(Event::default().data(feed.message(&mut self.sent, now)))
            }
        }
    }
}

/// The stream for a browser. It begins with everything that happened so far.
pub(super) fn events<V: Send + Sync + 'static>(
    mut feed: watch::Receiver<Feed<V>>,
    keys: Keys,
    token: TokenHash,
    now: fn() -> Timestamp,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    feed.mark_changed();
    let client = Client { feed, sent: vec![], keys, token, now };
    Sse::new(unfold(client, |mut client| async move {
        let event = client.next().await?;
        Some((Ok(event), client))
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_browser_gets_each_line_once_and_a_late_one_gets_all() {
        let mut log = Log::default();
        let add = |log: &mut Log, text: &str| log.add([LogLine::new(Timestamp::UNIX_EPOCH, "", text)]);
        let texts = |log: &Log, sent: &mut Sent| -> Vec<String> {
            let feed: Feed<u8> = Feed::of(&1, vec![log.clone()]);
            let message: Value = serde_json::from_str(&feed.message(sent, Timestamp::UNIX_EPOCH)).expect("json");
            let lines = message["logs"][0]["lines"].as_array().expect("lines").clone();
            lines.iter().map(|line| line["text"].as_str().expect("a text").to_owned()).collect()
        };
        let mut early = vec![];
        add(&mut log, "one");
        assert_eq!(texts(&log, &mut early), ["one"]);
        assert_eq!(texts(&log, &mut early), Vec::<String>::new());
        add(&mut log, "two");
        assert_eq!(texts(&log, &mut early), ["two"]);
        assert_eq!(texts(&log, &mut vec![]), ["one", "two"]);
        log.clear();
        add(&mut log, "three");
        assert_eq!(texts(&log, &mut early), ["three"], "a new edition comes whole");
    }

    /// The log of the next drill takes the place of the log of the last one.
    #[test]
    fn a_log_whose_lines_were_moved_begins_again() {
        let line = |text: &str| LogLine::new(Timestamp::UNIX_EPOCH, "drill", text);
        let (mut exercise, mut drill, mut sent) = (Log::default(), Log::default(), vec![]);
        drill.add([line("the first drill"), line("ends")]);
        let message = |exercise: &Log, drill: &Log, sent: &mut Sent| {
            let feed: Feed<u8> = Feed::of(&1, vec![exercise.clone(), drill.clone()]);
            feed.message(sent, Timestamp::UNIX_EPOCH)
        };
        message(&exercise, &drill, &mut sent);
        drill.move_to(&mut exercise);
        drill.add([line("the second drill")]);
        let next = message(&exercise, &drill, &mut sent);
        assert!(next.contains("the first drill") && next.contains("the second drill"), "{next}");
    }
}
