//! The audit log of the API server, if one is given: it shows who deleted what. It is a file in JSON lines
//! (`audit.k8s.io/v1`) that grows during the drill, or an http(s) address that returns such lines. Of each record only
//! who, what and when is read. Request and response bodies, which may contain secrets, are never kept. Start with
//! [`watch`].

mod record;
mod source;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::Notify;

use self::{record::Deletion, source::AuditLog};
use super::{authors::follows, outside::Outside};
use crate::{
    event::Kind,
    journal::Recorder,
    model::{Author, OutsideChange, OutsideWhat},
    told,
    world::World,
};

const EVERY: Duration = Duration::from_secs(2);
/// The time limit for the last read: an address may hang for as long as a request may.
const LAST: Duration = Duration::from_secs(15);
/// How long the end of a drill waits for the reader.
pub(super) const END: Duration = Duration::from_secs(40);
/// How many deletions wait for the watch that also reports them. The oldest are dropped.
const KEPT: usize = 10_000;
/// How long a deletion waits. After that, no watch has reported it as a change from outside.
const WAITS_US: u64 = 5_000_000;

/// What was read so far.
struct Reader {
    source: AuditLog,
    waiting: VecDeque<Deletion>,
    error: String,
}

/// Reads the log until it is told to stop, and then once more to its end.
pub(super) async fn watch(
    world: Arc<World>,
    recorder: Arc<Recorder>,
    (namespaces, outside): (Vec<String>, Arc<Outside>),
    given: String,
    stop: Arc<Notify>,
) {
    let began_us = recorder.now_us();
    let mut reader = Reader { source: AuditLog::of(&given, &world), waiting: VecDeque::new(), error: String::new() };
    loop {
        reader.read_new(&world, &recorder, (&namespaces, began_us), false).await;
        reader.decide(&recorder, &outside, false);
        tokio::select! {
            biased;
            () = stop.notified() => break,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    let look = reader.read_new(&world, &recorder, (&namespaces, began_us), true);
    if tokio::time::timeout(LAST, look).await.is_err() {
        reader.error = format!("the last read took longer than {} s", LAST.as_secs());
    }
    reader.decide(&recorder, &outside, true);
    let (records, damaged) = reader.source.counts();
    recorder.observe(Kind::AuditRead { records, damaged, error: told!(recorder, "{}", reader.error) });
}

impl Reader {
    async fn read_new(
        &mut self,
        world: &World,
        recorder: &Recorder,
        (namespaces, began_us): (&[String], u64),
        to_its_end: bool,
    ) {
        let found = match self.source.read(world, began_us, to_its_end).await {
            Ok(found) => found,
            Err(why) => {
                self.error = why;
                return;
            }
        };
        self.error.clear();
        for deletion in found.into_iter().filter(|d| d.namespace.is_empty() || namespaces.contains(&d.namespace)) {
            let at_us = deletion.at.map_or_else(|| recorder.now_us(), |at| world.clock.at_wall(at));
            self.record(Deletion { at_us, read_us: recorder.now_us(), ..deletion });
        }
    }

    fn record(&mut self, deletion: Deletion) {
        self.waiting.push_back(deletion);
        if self.waiting.len() > KEPT {
            self.waiting.pop_front();
        }
    }

    /// Adds the authors to deletions that watches have reported. If a watch took a deletion for that of a controller,
    /// but the log shows another author, it is reported here. The same rule as for watches decides who is responsible.
    /// `all`: nothing more will come.
    fn decide(&mut self, recorder: &Recorder, outside: &Outside, all: bool) {
        let now = recorder.now_us();
        for deletion in std::mem::take(&mut self.waiting) {
            let (unknown, follows) = recorder.with(|state| {
                let Deletion { namespace, object, uid, at_us, .. } = &deletion;
                let unknown = state.outside.without_author(namespace, object, uid, *at_us).is_some();
                (unknown, follows(state, deletion.role, namespace, *at_us))
            });
            if unknown {
                recorder.observe(found(recorder, &deletion, follows));
            } else if !all && now < deletion.read_us.saturating_add(WAITS_US) {
                self.waiting.push_back(deletion);
            } else if !follows && let Some(change) = change(recorder, outside, &deletion) {
                recorder.observe(Kind::ChangedOutside { change: Box::new(change) });
            }
        }
    }
}

fn author(recorder: &Recorder, deletion: &Deletion) -> Author {
    Author::User {
        name: told!(recorder, "{}", deletion.user),
        agent: told!(recorder, "{}", deletion.agent),
        role: deletion.role,
    }
}

fn found(recorder: &Recorder, deletion: &Deletion, follows: bool) -> Kind {
    Kind::AuthorFound {
        namespace: deletion.namespace.clone(),
        object: deletion.object.clone(),
        uid: deletion.uid.clone(),
        by: author(recorder, deletion),
        at_us: deletion.at_us,
        follows,
    }
}

/// A change that no watch has reported.
fn change(recorder: &Recorder, outside: &Outside, deletion: &Deletion) -> Option<OutsideChange> {
    let name = deletion.object.strip_prefix("pod/")?;
    let what = if deletion.evicted { OutsideWhat::Evicted } else { OutsideWhat::Deleted };
    let by = author(recorder, deletion);
    let pod = (deletion.namespace.as_str(), name, deletion.uid.as_str());
    outside.with_pod(pod, deletion.at_us, |went| went.not_by_controller(deletion.role, what, by))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::PodView,
        journal::{Journal, RunDir, RunState},
        model::Role,
        observe::deletions::Keeper,
    };

    /// A namespace with `deployment/web`, which should have three pods, and the events of its pods.
    struct Shop {
        recorder: Recorder,
        outside: Outside,
        reader: Reader,
        _dir: tempfile::TempDir,
    }

    fn pod(name: &str, owner: &str) -> PodView {
        PodView { uid: format!("uid-of-{name}"), ..PodView::ready_in_shop(name, owner, "node-a-0") }
    }

    impl Shop {
        fn open() -> Self {
            let dir = tempfile::tempdir().expect("a directory");
            let run = RunDir::create(dir.path(), "run").expect("a run directory");
            let journal = Journal::create(&run).expect("a journal");
            let now = || (10_000_000, jiff::Timestamp::UNIX_EPOCH);
            let recorder = Recorder::new(journal, RunState::default(), Arc::default(), now);
            let workload = "deployment/web".to_owned();
            recorder.observe(Kind::WorkloadSeen { namespace: "shop".into(), workload, wanted: 3, ready: 3 });
            let reader = Reader { source: AuditLog::nothing(), waiting: VecDeque::new(), error: String::new() };
            Self { recorder, outside: Outside::default(), reader, _dir: dir }
        }

        fn come(&self, name: &str, owner: &str) {
            self.outside.pod(&self.recorder, None, Some(&pod(name, owner)), Keeper::Controller);
        }

        fn go(&self, name: &str, owner: &str) {
            let pod = pod(name, owner);
            self.outside.pod(&self.recorder, Some(&pod), None, Keeper::Controller);
            self.outside.decide(&self.recorder, true);
        }

        fn logged(&mut self, name: &str, user: &str, role: Role) {
            self.reader.record(Deletion {
                namespace: "shop".into(),
                object: format!("pod/{name}"),
                uid: format!("uid-of-{name}"),
                user: user.into(),
                role,
                at_us: 9_900_000,
                ..Deletion::default()
            });
            self.reader.decide(&self.recorder, &self.outside, true);
        }

        fn told(&self) -> Vec<String> {
            self.recorder.with(|state| state.outside.iter().map(OutsideChange::sentence).collect())
        }
    }

    #[test]
    fn the_author_of_a_deletion_that_was_seen_is_named_once() {
        let mut shop = Shop::open();
        ["web-1", "web-2", "web-3"].iter().for_each(|name| shop.come(name, "deployment/web"));
        shop.go("web-1", "deployment/web");
        assert_eq!(shop.told(), ["an unknown author deleted pod/web-1"]);
        shop.logged("web-1", "alice", Role::Person);
        assert_eq!(shop.told(), ["alice deleted pod/web-1"]);
        // She deletes it again, by force: this is the same deletion.
        shop.logged("web-1", "alice", Role::Person);
        assert_eq!(shop.told(), ["alice deleted pod/web-1"]);
        // A pod that no watch saw disappear still exists.
        shop.logged("web-2", "alice", Role::Person);
        assert_eq!(shop.told(), ["alice deleted pod/web-1"]);
    }

    #[test]
    fn what_a_controller_seemed_to_delete_is_told_where_somebody_else_did() {
        let mut shop = Shop::open();
        ["web-1", "web-2", "web-3", "web-4", "web-5"].iter().for_each(|name| shop.come(name, "deployment/web"));
        ["job-1", "job-2"].iter().for_each(|name| shop.come(name, ""));
        for (name, owner) in [("web-1", "deployment/web"), ("web-2", "deployment/web"), ("job-1", ""), ("job-2", "")] {
            shop.go(name, owner);
        }
        assert_eq!(shop.told(), Vec::<String>::new(), "two pods are too many, and of Jobs nothing is known");
        shop.logged("web-1", "replicaset-controller", Role::Kubernetes);
        shop.logged("job-1", "system:serviceaccount:ops:operator", Role::Other);
        assert_eq!(shop.told(), Vec::<String>::new(), "a controller, and an operator that keeps the pod");
        shop.logged("web-2", "alice", Role::Person);
        shop.logged("job-2", "bob", Role::Person);
        assert_eq!(shop.told(), ["alice deleted pod/web-2", "bob deleted pod/job-2"]);
    }
}
