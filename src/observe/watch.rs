//! The list+watch loop. It is ours, because a verdict depends on knowing when a
//! stream was mute, closed or begun again (architecture §6).

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::{
    event::Kind,
    journal::Recorder,
    told,
    world::{Kube, WatchEvent},
};

/// What the loop tells its consumer.
pub(super) enum Seen {
    /// An object is there, new or changed.
    Here(Value),
    /// An object is gone.
    Gone(Value),
}

/// The server ends a watch after 30 s: silence beyond that is a broken stream.
const MUTE: Duration = Duration::from_secs(40);

/// A gap that lasts is told again after as long.
const AGAIN_US: u64 = 10_000_000;

/// Follows a collection for ever.
pub(super) async fn follow(kube: &Kube, recorder: &Recorder, path: &str, kind: &str, mut tell: impl FnMut(Seen)) {
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    let mut last_us = recorder.now_us();
    let mut first = true;
    let mut failing: Option<(u64, String)> = None;
    loop {
        let (items, mut version) = match kube.list(path).await {
            Ok(listed) => listed,
            Err(error) => {
                // Told at its beginning, and now and then while it lasts.
                let now = recorder.now_us();
                if failing.as_ref().is_none_or(|(told, _)| now > told + AGAIN_US) {
                    gap(recorder, path, last_us, &error.to_string());
                    failing = Some((now, error.to_string()));
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
        };
        if let Some((_, why)) = failing.take() {
            gap(recorder, path, last_us, &why);
        }
        if first {
            recorder.observe(Kind::Watching { what: path.to_owned(), objects: items.len() });
            first = false;
        }
        relist(&mut known, items, &mut tell);
        last_us = recorder.now_us();
        // A watch that ends in order goes on from its last version, without a gap.
        while let Some(why) =
            stream(kube, recorder, path, kind, &mut version, &mut known, &mut last_us, &mut tell).await
        {
            if let Err(why) = why {
                gap(recorder, path, last_us, &why);
                tokio::time::sleep(Duration::from_millis(200)).await;
                break;
            }
        }
    }
}

/// Reads one watch. `Some(Ok)`: ended in order; `Some(Err)`: list again.
#[expect(clippy::too_many_arguments, reason = "the loop's state, taken apart nowhere else")]
async fn stream(
    kube: &Kube,
    recorder: &Recorder,
    path: &str,
    kind: &str,
    version: &mut String,
    known: &mut BTreeMap<String, Value>,
    last_us: &mut u64,
    tell: &mut impl FnMut(Seen),
) -> Option<Result<(), String>> {
    let mut lines = match kube.watch(path, version).await {
        Ok(lines) => lines,
        Err(error) => return Some(Err(error.to_string())),
    };
    loop {
        let next = match tokio::time::timeout(MUTE, lines.next()).await {
            Err(_) => return Some(Err(format!("no line within {MUTE:?}"))),
            Ok(Err(error)) => return Some(Err(error)),
            Ok(Ok(None)) => return Some(Ok(())),
            Ok(Ok(Some(event))) => event,
        };
        *last_us = recorder.now_us();
        match next {
            WatchEvent::Changed(mut object) => {
                take_version(version, &object);
                object["kind"] = kind.into();
                known.insert(uid(&object), object.clone());
                tell(Seen::Here(object));
            }
            WatchEvent::Deleted(object) => {
                take_version(version, &object);
                known.remove(&uid(&object));
                tell(Seen::Gone(object));
            }
            WatchEvent::Bookmark(at) => *version = at,
            WatchEvent::Error(why) => return Some(Err(why)),
        }
    }
}

/// What went while nobody was looking is gone all the same.
fn relist(known: &mut BTreeMap<String, Value>, items: Vec<Value>, tell: &mut impl FnMut(Seen)) {
    let now: BTreeMap<String, Value> = items.into_iter().map(|item| (uid(&item), item)).collect();
    for (uid, object) in known.iter() {
        if !now.contains_key(uid) {
            tell(Seen::Gone(object.clone()));
        }
    }
    for object in now.values() {
        tell(Seen::Here(object.clone()));
    }
    *known = now;
}

fn gap(recorder: &Recorder, path: &str, from_us: u64, why: &str) {
    recorder.observe(Kind::WatchGap { what: path.to_owned(), from_us, why: told!(recorder, "{why}") });
}

fn uid(object: &Value) -> String {
    object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or("").to_owned()
}

fn take_version(version: &mut String, object: &Value) {
    if let Some(at) = object.pointer("/metadata/resourceVersion").and_then(Value::as_str) {
        at.clone_into(version);
    }
}
