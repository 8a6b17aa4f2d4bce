//! The audit log of the API server, where somebody gives one: it knows who deleted what. It is
//! a file in JSON lines (`audit.k8s.io/v1`) that grows while the drill runs, or an http(s)
//! address that answers with such lines. Of each record only who, what and when is read; what
//! was sent or answered, where secrets may be, is never kept. Start with [`watch`].

mod record;
mod source;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::Notify;

use self::{record::Deletion, source::Source};
use crate::{
    event::Kind,
    journal::{Recorder, RunState},
    model::{Author, OutsideChange, OutsideWhat, Role},
    told,
    world::World,
};

const EVERY: Duration = Duration::from_secs(2);
/// So many deletions wait for the watch that tells of them; older ones give way.
const KEPT: usize = 10_000;
/// As long a deletion waits: then no watch took it for somebody else's.
const WAITS_US: u64 = 5_000_000;

/// What was read so far.
struct Reader {
    source: Source,
    lines: record::Lines,
    waiting: VecDeque<Deletion>,
    error: String,
}

/// Reads the log until it is told to stop, and then once more to its end.
pub(super) async fn watch(
    world: Arc<World>,
    recorder: Arc<Recorder>,
    namespaces: Vec<String>,
    given: String,
    stop: Arc<Notify>,
) {
    let mut reader = Reader {
        source: Source::of(&given, &world),
        lines: record::Lines::default(),
        waiting: VecDeque::new(),
        error: String::new(),
    };
    loop {
        let last = tokio::select! {
            biased;
            () = stop.notified() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        reader.look(&world, &recorder, &namespaces).await;
        reader.decide(&recorder, last);
        if last {
            break;
        }
    }
    recorder.observe(Kind::AuditRead {
        records: reader.lines.records,
        damaged: reader.lines.damaged,
        error: told!(recorder, "{}", reader.error),
    });
}

impl Reader {
    async fn look(&mut self, world: &World, recorder: &Recorder, namespaces: &[String]) {
        let bytes = match self.source.read(world).await {
            Ok(bytes) => bytes,
            Err(why) => {
                self.error = why;
                return;
            }
        };
        self.error.clear();
        for found in self.lines.take(&bytes) {
            let in_scope = found.namespace.is_empty() || namespaces.contains(&found.namespace);
            if !in_scope || !self.source.is_new(&found.id) {
                continue;
            }
            let at_us = found.at.map_or_else(|| recorder.now_us(), |at| world.clock.at_wall(at));
            self.waiting.push_back(Deletion { at_us, read_us: recorder.now_us(), ..found });
            if self.waiting.len() > KEPT {
                self.waiting.pop_front();
            }
        }
    }

    /// Names the authors of what watches have seen. A deletion that no watch took for somebody
    /// else's, and was, is told here.
    fn decide(&mut self, recorder: &Recorder, all: bool) {
        let now = recorder.now_us();
        let waiting = std::mem::take(&mut self.waiting);
        for deletion in waiting {
            let (known, owner) = recorder.with(|state| (is_known(state, &deletion), owner(state, &deletion)));
            let deletion = Deletion { owner: deletion.owner.clone().or(owner), ..deletion };
            let outside = !matches!(deletion.role, Role::Drill | Role::Kubernetes);
            if known {
                recorder.observe(found(recorder, &deletion));
            } else if !all && now < deletion.read_us + WAITS_US {
                self.waiting.push_back(deletion);
            } else if outside {
                recorder.observe(Kind::ChangedOutside { change: Box::new(change(recorder, &deletion)) });
            }
        }
    }
}

/// Whether a watch told of it, without an author.
fn is_known(state: &RunState, deletion: &Deletion) -> bool {
    state.outside.iter().any(|c| {
        c.by.is_unknown()
            && c.namespace == deletion.namespace
            && c.object == deletion.object
            && matches!(c.what, OutsideWhat::Deleted | OutsideWhat::Evicted)
    })
}

/// The workload of a pod that is deleted, while it is still there.
fn owner(state: &RunState, deletion: &Deletion) -> Option<String> {
    let name = deletion.object.strip_prefix("pod/")?;
    let pod = state.pods.values().find(|p| p.namespace == deletion.namespace && p.name == name)?;
    Some(pod.owner.clone())
}

fn author(recorder: &Recorder, deletion: &Deletion) -> Author {
    Author::User {
        name: told!(recorder, "{}", deletion.user),
        agent: told!(recorder, "{}", deletion.agent),
        role: deletion.role,
    }
}

fn found(recorder: &Recorder, deletion: &Deletion) -> Kind {
    Kind::AuthorFound {
        namespace: deletion.namespace.clone(),
        object: deletion.object.clone(),
        uid: deletion.uid.clone(),
        by: author(recorder, deletion),
        at_us: deletion.at_us,
    }
}

fn change(recorder: &Recorder, deletion: &Deletion) -> OutsideChange {
    let owner = deletion.owner.clone().filter(|o| !o.is_empty());
    OutsideChange {
        seen_us: deletion.at_us,
        namespace: deletion.namespace.clone(),
        object: deletion.object.clone(),
        uid: deletion.uid.clone(),
        as_before: owner.is_some(),
        workloads: owner.into_iter().collect(),
        what: if deletion.evicted { OutsideWhat::Evicted } else { OutsideWhat::Deleted },
        by: author(recorder, deletion),
    }
}
