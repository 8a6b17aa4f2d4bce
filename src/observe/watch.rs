//! The list and watch loop. It is written here and not taken from kube-runtime, because a verdict needs to know when a
//! stream was silent, was closed, or was started again.

use std::{collections::BTreeMap, pin::pin, time::Duration};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    event::{Kind, Unseen},
    journal::Recorder,
    told,
    world::{Kube, Readable, WatchEvent, readable},
};

/// What the loop reports to its consumer.
pub(super) enum Seen<T = Value> {
    /// An object exists, is new or was changed.
    Here(T),
    /// An object is gone. If it disappeared while the watch was interrupted, only its name and UID are known.
    Gone(T),
    /// Everything that exists has been reported.
    Listed,
}

/// The type in which a consumer gets its objects: JSON, or a type that has only the fields that the consumer reads.
pub(super) trait Watched: DeserializeOwned {
    /// What identifies the object.
    fn identity(&self) -> Identity<'_>;
    /// Adds the kind, which the items of a list do not have.
    fn set_kind(&mut self, kind: &str);
}

/// What identifies an object and its version.
pub(super) struct Identity<'a> {
    pub uid: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
    /// None if the object does not contain it.
    pub version: Option<&'a str>,
}

impl Watched for Value {
    fn identity(&self) -> Identity<'_> {
        let text = |field: &str| self["metadata"][field].as_str();
        Identity {
            uid: text("uid").unwrap_or_default(),
            namespace: text("namespace").unwrap_or_default(),
            name: text("name").unwrap_or_default(),
            version: text("resourceVersion"),
        }
    }

    fn set_kind(&mut self, kind: &str) {
        if self.is_object() {
            self["kind"] = kind.into();
        }
    }
}

fn identity<T: Watched>(object: &Readable<T>) -> Identity<'_> {
    match object {
        Ok(object) => object.identity(),
        Err(object) => object.identity(),
    }
}

/// What depends on a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Serves<'a> {
    /// Verdicts: during a gap in the watch, the drill cannot see.
    Verdicts,
    /// Only the list of changes from outside. A change during a gap is found after it. It is about this resource of a
    /// namespace.
    Outside { resource: &'static str, namespace: &'a str },
}

/// The server ends a watch after 30 s, so a longer silence means a broken stream.
const MUTE: Duration = Duration::from_secs(40);

/// The pause before a broken watch is started again. If it breaks again before it delivered anything, the pause grows,
/// so that a server with problems does not get five requests a second.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(1600);

/// A list is reported as missing after this time, before its request fails: the drill may end earlier.
const LATE: Duration = Duration::from_secs(5);

/// A watch that the server ends earlier, and without a line, shows nothing, although it ends without an error.
const SHORT_US: u64 = 5_000_000;
const AT_ONCE: &str = "the server ended the watch at once";

/// While a gap lasts, it is recorded again after this time.
const AGAIN_US: u64 = 10_000_000;

/// Follows a collection forever.
///
/// An object that cannot be read into `T` is not reported. It still counts as existing.
pub(super) async fn follow<T: Watched>(
    kube: &Kube,
    recorder: &Recorder,
    path: &str,
    (kind, serves): (&str, Serves<'_>),
    mut tell: impl FnMut(Seen<T>),
) {
    let gap = |from_us: u64, why: &str| {
        if serves == Serves::Verdicts {
            recorder.observe(Kind::WatchGap { what: path.to_owned(), from_us, why: told!(recorder, "{why}") });
        }
    };
    let unseen = |from_us: u64, why: Option<&str>| {
        if let Serves::Outside { resource, namespace } = serves {
            let (resource, namespace) = (resource.into(), namespace.into());
            let why = why.map(|why| told!(recorder, "{why}"));
            recorder.observe(Kind::OutsideUnseen(Unseen { resource, namespace, from_us, why }));
        }
    };
    let late = |failing: &mut Option<(u64, String)>, from_us: u64, first: bool, why: String| {
        // No verdict is reached before the first list.
        if failing.is_none() && !(first && serves == Serves::Verdicts) {
            gap(from_us, &why);
            unseen(from_us, Some(&why));
            *failing = Some((recorder.now_us(), why));
        }
    };
    let mut known = Known::new();
    let mut last_us = recorder.now_us();
    let mut first = true;
    let mut failing: Option<(u64, String)> = None;
    let mut broke: Option<String> = None;
    let mut pause = PAUSE;
    loop {
        // Nothing is concluded before the first list, so it may wait. The lists of a large cluster would need more memory
        // than the rest of the drill if all of them were read at once.
        let turn = if first {
            let waits = format!("its list has waited for other lists for {} s", LATE.as_secs());
            in_time(kube.turn(), || late(&mut failing, last_us, first, waits)).await
        } else {
            None
        };
        let list = kube.list_map(path, |item| Some(Listed::<T>::of(item, kind)));
        let no_answer = format!("no answer within {} s", LATE.as_secs());
        let (items, mut version) = match in_time(list, || late(&mut failing, last_us, first, no_answer)).await {
            Ok(listed) => listed,
            Err(error) => {
                // Recorded at the beginning, and from time to time while it lasts.
                let now = recorder.now_us();
                if failing.as_ref().is_none_or(|(told, _)| now > told + AGAIN_US) {
                    gap(last_us, &error.to_string());
                    if failing.is_none() {
                        unseen(last_us, Some(&error.to_string()));
                    }
                    failing = Some((now, error.to_string()));
                }
                drop(turn);
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
        };
        match (failing.take(), broke.take()) {
            (Some((_, why)), _) => {
                gap(last_us, &why);
                unseen(last_us, None);
            }
            // The gap lasts until this list, and not only until the watch broke.
            (None, Some(why)) => gap(last_us, &why),
            (None, None) => {}
        }
        if first {
            recorder.observe(Kind::Watching { what: path.to_owned(), objects: items.len() });
            first = false;
        }
        relist(&mut known, items, kind, &mut tell);
        drop(turn);
        tell(Seen::Listed);
        last_us = recorder.now_us();
        let listed_us = last_us;
        // A watch that ends normally continues from its last version, without a gap.
        let mut began_us = last_us;
        while let Some(end) =
            stream(kube, recorder, path, kind, &mut version, &mut known, &mut last_us, &mut tell).await
        {
            let short = recorder.now_us() < began_us + SHORT_US;
            let end = end.and_then(|delivered| if delivered || !short { Ok(()) } else { Err(AT_ONCE.to_owned()) });
            if end.is_ok() && short {
                // It delivered something and ended, and may do so again and again.
                tokio::time::sleep(PAUSE).await;
            }
            began_us = recorder.now_us();
            if let Err(why) = end {
                gap(last_us, &why);
                if last_us > listed_us {
                    pause = PAUSE;
                }
                broke = Some(why);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                break;
            }
        }
    }
}

/// Waits for some work, and calls a function once if it takes longer than [`LATE`].
async fn in_time<T>(work: impl Future<Output = T>, late: impl FnOnce()) -> T {
    let mut work = pin!(work);
    if let Ok(done) = tokio::time::timeout(LATE, &mut work).await {
        return done;
    }
    late();
    work.await
}

/// Reads one watch. `Some(Ok)`: it ended normally, and whether it delivered a line; `Some(Err)`: list again.
#[expect(clippy::too_many_arguments, reason = "the loop's state, taken apart nowhere else")]
async fn stream<T: Watched>(
    kube: &Kube,
    recorder: &Recorder,
    path: &str,
    kind: &str,
    version: &mut String,
    known: &mut Known,
    last_us: &mut u64,
    tell: &mut impl FnMut(Seen<T>),
) -> Option<Result<bool, String>> {
    let mut delivered = false;
    let mut lines = match kube.watch(path, version).await {
        Ok(lines) => lines,
        Err(error) => return Some(Err(error.to_string())),
    };
    loop {
        let next = match tokio::time::timeout(MUTE, lines.next_as::<T>()).await {
            Err(_) => return Some(Err(format!("no line within {MUTE:?}"))),
            Ok(Err(error)) => return Some(Err(error)),
            Ok(Ok(None)) => return Some(Ok(delivered)),
            Ok(Ok(Some(event))) => event,
        };
        *last_us = recorder.now_us();
        delivered = true;
        match next {
            WatchEvent::Changed(object) => {
                let identity = identity(&object);
                take_version(version, &identity);
                if !known.contains_key(identity.uid) {
                    known.insert(identity.uid.to_owned(), Name::of(&identity));
                }
                pass(object, kind, Seen::Here, tell);
            }
            WatchEvent::Deleted(object) => {
                let identity = identity(&object);
                take_version(version, &identity);
                known.remove(identity.uid);
                pass(object, kind, Seen::Gone, tell);
            }
            WatchEvent::Bookmark(at) => *version = at,
            WatchEvent::Error(why) => return Some(Err(why)),
        }
    }
}

/// Passes an object on, unless it has another shape than its consumer reads.
fn pass<T: Watched>(object: Readable<T>, kind: &str, seen: fn(T) -> Seen<T>, tell: &mut impl FnMut(Seen<T>)) {
    if let Ok(mut object) = object {
        object.set_kind(kind);
        tell(seen(object));
    }
}

/// Reports what disappeared while the watch was interrupted.
fn relist<T: Watched>(known: &mut Known, items: Vec<Listed<T>>, kind: &str, tell: &mut impl FnMut(Seen<T>)) {
    let now: BTreeMap<String, Listed<T>> = items.into_iter().map(|item| (item.uid.clone(), item)).collect();
    for (uid, name) in known.iter() {
        if !now.contains_key(uid) {
            pass(T::deserialize(name.object(uid)).map_err(|_| Value::Null), kind, Seen::Gone, tell);
        }
    }
    known.clear();
    for (uid, listed) in now {
        known.insert(uid, listed.name);
        pass(listed.body.object(), kind, Seen::Here, tell);
    }
}

/// An object of a list, until it is told.
struct Listed<T> {
    uid: String,
    name: Name,
    body: Body<T>,
}

enum Body<T> {
    Object(Readable<T>),
    /// JSON. As a value, a node with its `managedFields` needs about 50 kB.
    Text(String),
}

impl<T: Watched> Listed<T> {
    fn of(mut object: Value, kind: &str) -> Self {
        let identity = object.identity();
        let (uid, name) = (identity.uid.to_owned(), Name::of(&identity));
        let body = if kind == "Node" {
            // The list of its images is larger than the rest of a node.
            if let Some(Value::Object(status)) = object.get_mut("status") {
                status.remove("images");
            }
            Body::Text(object.to_string())
        } else {
            Body::Object(readable(object))
        };
        Self { uid, name, body }
    }
}

impl<T: Watched> Body<T> {
    fn object(self) -> Readable<T> {
        match self {
            Self::Object(object) => object,
            Self::Text(text) => readable(serde_json::from_str(&text).expect("a value was written as this text")),
        }
    }
}

/// The known objects, by UID.
type Known = BTreeMap<String, Name>;

/// What is stored of an object, of which there may be ten thousand: enough to report it if it is missing in the next
/// list.
struct Name {
    /// Empty if it has none.
    namespace: Box<str>,
    name: Box<str>,
}

impl Name {
    fn of(identity: &Identity<'_>) -> Self {
        Self { namespace: identity.namespace.into(), name: identity.name.into() }
    }

    fn object(&self, uid: &str) -> Value {
        let mut object = json!({"metadata": {"name": self.name, "uid": uid}});
        // A node has no namespace, and a null in its place could not be parsed.
        if !self.namespace.is_empty() {
            object["metadata"]["namespace"] = (*self.namespace).into();
        }
        object
    }
}

fn take_version(version: &mut String, identity: &Identity<'_>) {
    if let Some(at) = identity.version {
        at.clone_into(version);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use crate::{
        event::Event,
        journal::{Journal, RunDir, RunState},
        kubernetes::objects::{Node, Pod},
    };

    #[test]
    fn what_went_while_nobody_looked_is_told_in_a_shape_that_can_be_read() {
        let node = json!({"metadata": {"name": "node-a", "uid": "n", "labels": {"a": "b"}}, "spec": {}});
        let pod = json!({"metadata": {"name": "web-1", "namespace": "shop", "uid": "p"}, "spec": {}});
        let gone = |object: Value, kind: &str| {
            let mut known = Known::new();
            let mut told = vec![];
            relist(&mut known, vec![Listed::of(object, kind)], kind, &mut |_: Seen| {});
            relist(&mut known, vec![], kind, &mut |seen| match seen {
                Seen::Gone(object) => told.push(object),
                Seen::Here(_) | Seen::Listed => {}
            });
            told.remove(0)
        };
        let node: Node = serde_json::from_value(gone(node, "Node")).expect("it is a node");
        assert_eq!((node.metadata.name.as_str(), node.metadata.uid.as_str()), ("node-a", "n"));
        let pod: Pod = serde_json::from_value(gone(pod, "Pod")).expect("it is a pod");
        assert_eq!((pod.metadata.namespace.as_str(), pod.metadata.uid.as_str()), ("shop", "p"));
    }

    const OUTSIDE: Serves<'static> = Serves::Outside { resource: "configmaps", namespace: "shop" };

    /// The answer of the API server: a refusal, or a list or watch without objects.
    fn answer(refuses: bool) -> http::Result<http::Response<kube::client::Body>> {
        let body = if refuses {
            json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"})
        } else {
            json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []})
        };
        let answer = http::Response::builder().status(if refuses { 403 } else { 200 });
        answer.body(kube::client::Body::from(body.to_string().into_bytes()))
    }

    /// The result of one watch of ConfigMaps over some seconds, and when its requests were sent, with a server that
    /// refuses this many lists and every watch.
    async fn followed(refused: usize) -> (Vec<Unseen>, Vec<u128>) {
        let (lists, watches) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(vec![])));
        let (began, seen) = (tokio::time::Instant::now(), Arc::clone(&watches));
        let kube = served_by(move |request| {
            let is_watch = request.uri().query().is_some_and(|q| q.contains("watch=true"));
            if is_watch {
                seen.lock().expect("nobody panicked").push(began.elapsed().as_millis());
            }
            std::future::ready(answer(is_watch || lists.fetch_add(1, Ordering::Relaxed) < refused))
        });
        let told = unseen(&observed(&kube, OUTSIDE).await);
        let times = watches.lock().expect("nobody panicked").clone();
        (told, times)
    }

    fn served_by<F>(server: impl Fn(http::Request<kube::client::Body>) -> F + Clone + Send + 'static) -> Kube
    where
        F: Future<Output = http::Result<http::Response<kube::client::Body>>> + Send + 'static,
    {
        Kube::new(kube::Client::new(tower::service_fn(server), "default"))
    }

    /// What one watch of ConfigMaps records over six seconds.
    async fn observed(kube: &Kube, serves: Serves<'_>) -> Vec<Arc<Event>> {
        let dir = tempfile::tempdir().expect("a directory");
        let run = RunDir::create(dir.path(), "run").expect("a run directory");
        let journal = Journal::create(&run).expect("a journal");
        let told = Arc::new(Mutex::new(vec![]));
        let heard = Arc::clone(&told);
        let began = tokio::time::Instant::now();
        let now = move || (began.elapsed().as_micros() as u64, jiff::Timestamp::UNIX_EPOCH);
        let recorder = Recorder::new(journal, RunState::default(), Arc::default(), now)
            .followed_by(move |event| heard.lock().expect("nobody panicked").push(Arc::clone(event)));
        let path = "/api/v1/namespaces/shop/configmaps";
        let follow = follow::<Value>(kube, &recorder, path, ("ConfigMap", serves), |_| {});
        assert!(tokio::time::timeout(Duration::from_secs(6), follow).await.is_err(), "it follows for ever");
        let told = told.lock().expect("nobody panicked");
        told.clone()
    }

    fn unseen(events: &[Arc<Event>]) -> Vec<Unseen> {
        let unseen = |event: &Arc<Event>| match &event.event {
            Kind::OutsideUnseen(part) => Some(part.clone()),
            _ => None,
        };
        events.iter().filter_map(unseen).collect()
    }

    fn whys(told: &[Unseen]) -> Vec<&str> {
        told.iter().map(|part| part.why.as_deref().unwrap_or("")).collect()
    }

    /// The length of each gap, and its reason.
    fn gaps(events: &[Arc<Event>]) -> Vec<(u64, &str)> {
        let gap = events.iter().filter_map(|event| match &event.event {
            Kind::WatchGap { from_us, why, .. } => Some((event.t_us - from_us, &**why)),
            _ => None,
        });
        gap.collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_listed_is_told_once_and_again_when_it_can() {
        let (told, _) = followed(3).await;
        assert_eq!(told.iter().map(|part| part.why.is_some()).collect::<Vec<_>>(), [true, false], "{told:?}");
        assert_eq!((told[0].resource.as_str(), told[0].namespace.as_str()), ("configmaps", "shop"));
        let (told, _) = followed(usize::MAX).await;
        assert!(matches!(&told[..], [part] if part.why.as_ref().is_some_and(|why| why.contains("403"))), "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_is_never_answered_is_told() {
        let kube = served_by(|_| std::future::pending());
        assert_eq!(whys(&unseen(&observed(&kube, OUTSIDE).await)), ["no answer within 5 s"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_waits_for_its_turn_is_not_told_as_unanswered() {
        let kube = served_by(|_| std::future::ready(answer(false))).in_turns(1);
        let _other = kube.turn().await;
        assert_eq!(whys(&unseen(&observed(&kube, OUTSIDE).await)), ["its list has waited for other lists for 5 s"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_gap_lasts_from_a_broken_watch_to_the_next_list() {
        let broken_for = async |seconds: u64| {
            let requests = Arc::new(AtomicUsize::new(0));
            let kube = served_by(move |_| {
                let number = requests.fetch_add(1, Ordering::Relaxed);
                async move {
                    match number {
                        0 => answer(false),
                        1 => answer(true),
                        2 => {
                            tokio::time::sleep(Duration::from_secs(seconds)).await;
                            answer(false)
                        }
                        _ => std::future::pending().await,
                    }
                }
            });
            observed(&kube, Serves::Verdicts).await
        };
        let events = broken_for(3).await;
        let found = gaps(&events);
        assert!(found.len() == 2 && found.iter().all(|(_, why)| why.contains("403")), "{found:?}");
        assert!(found[0].0 < 100_000 && found[1].0 >= 3_200_000, "{found:?}");
        // The drill may end before the list is answered.
        let events = broken_for(60).await;
        let found = gaps(&events);
        assert!(found.len() == 2 && found[1].0 >= 5_200_000 && found[1].1 == "no answer within 5 s", "{found:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_ends_at_once_without_an_error_shows_nothing() {
        let ends = async |after: u64, line: &'static str| {
            let kube = served_by(move |request| async move {
                if !request.uri().query().is_some_and(|q| q.contains("watch=true")) {
                    return answer(false);
                }
                tokio::time::sleep(Duration::from_secs(after)).await;
                http::Response::builder().status(200).body(kube::client::Body::from(line.as_bytes().to_vec()))
            });
            let events = observed(&kube, Serves::Verdicts).await;
            gaps(&events).iter().any(|(_, why)| *why == AT_ONCE)
        };
        let bookmark = concat!(r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"2"}}}"#, "\n");
        assert!(ends(0, "").await && ends(2, "").await);
        assert!(!ends(30, "").await, "the server ends every watch after a while");
        assert!(!ends(1, bookmark).await && !ends(0, bookmark).await, "it delivers something");
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_breaks_at_once_is_begun_less_and_less_often() {
        let (_, times) = followed(0).await;
        let pauses: Vec<u128> = times.windows(2).map(|two| two[1] - two[0]).collect();
        assert_eq!(pauses, [200, 400, 800, 1600, 1600]);
    }
}
