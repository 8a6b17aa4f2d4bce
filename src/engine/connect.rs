//! Connects a session that took over to the cluster. Until the time limit of the undo, it tries again whatever fails:
//! API server, DNS, node host or container engine. If the API server does not answer, machines that the run took away
//! are powered on first; their ids in the journal identify them.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    ClusterAccess, OpenError, RecoverError,
    open::{host, open_again},
    session::Session,
};
use crate::{
    event::{Actor, Kind},
    journal::RunState,
    model::{Revert, with_causes},
    told,
    world::{ApiError, ConnectError, NodeHost, World},
};

/// The first pause between two attempts; below, the longest pause.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15);
/// How long a refusal (401, 403) must last before it counts. An API server that has just started refuses everybody
/// until it has read its roles.
const STARTING: Duration = Duration::from_secs(60);

/// The result of connecting.
pub(super) enum Connecting {
    /// The world of the run.
    Done(Box<World>),
    /// The time limit passed first. Contains the last error.
    OutOfTime(String),
}

impl Session {
    /// Opens the world of the run.
    ///
    /// # Errors
    /// An error that no waiting can fix, such as another cluster behind the context. A person must act.
    pub(super) async fn connect(&self, place: &ClusterAccess) -> Result<Connecting, RecoverError> {
        let host = host(place);
        let (mut pause, mut said, mut refusals) = (PAUSE, String::new(), Refusals::default());
        loop {
            let error = match self.once(place).await {
                Ok(world) => return Ok(Connecting::Done(Box::new(world))),
                Err(error) if self.actor == Actor::Recover && refusals.is_final(&error, Instant::now()) => {
                    return Err(error);
                }
                Err(error) => error,
            };
            let mut why = with_causes(&error);
            if let Some(host) = &host {
                why.extend(self.give_back(host).await.map(|failed| format!("; {failed}")));
            }
            if why != said {
                self.recorder
                    .observe(Kind::Noted { text: told!(self.recorder, "the cluster cannot be reached yet: {why}") });
                said.clone_from(&why);
            }
            if Instant::now() > self.deadline {
                return Ok(Connecting::OutOfTime(format!("the cluster could not be reached: {why}")));
            }
            tokio::time::sleep_until((Instant::now() + pause).min(self.deadline + PAUSE)).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    async fn once(&self, place: &ClusterAccess) -> Result<World, RecoverError> {
        let world = open_again(place, self.clock, &self.plan.cluster.flavour).await?;
        self.fits(&world)?;
        Ok(world)
    }

    /// Powers machines on, as far as possible. Returns why one of them could not be powered on. A machine that fails
    /// does not delay the others.
    async fn give_back(&self, host: &NodeHost) -> Option<String> {
        let mut failed = None;
        for fault in self.recorder.with(RunState::open) {
            if let Revert::NodePower { node, machine, .. } = &fault.revert
                && let Err(error) = host.give_back(&node.name, machine).await
            {
                failed = failed.or(Some(with_causes(&error)));
            }
        }
        failed
    }
}

/// Since when the API server has refused requests, without any other answer in between.
#[derive(Default)]
struct Refusals {
    since: Option<Instant>,
}

impl Refusals {
    /// Whether waiting cannot fix this.
    fn is_final(&mut self, error: &RecoverError, now: Instant) -> bool {
        let (refused, passes) = match error {
            RecoverError::Open(OpenError::Connect(ConnectError::Api { source, .. })) => {
                (matches!(source, ApiError::Status { code: 401 | 403, .. }), source.is_transient())
            }
            RecoverError::Open(OpenError::Host(_)) => (false, true),
            _ => (false, false),
        };
        if !refused {
            self.since = None;
            return !passes;
        }
        now.duration_since(*self.since.get_or_insert(now)) >= STARTING
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Told;

    fn status(code: u16) -> RecoverError {
        let (message, causes) = (Told::default(), vec![]);
        let source = ApiError::Status {
            verb: "GET".into(),
            path: "/".into(),
            code,
            reason: String::new(),
            message,
            causes,
            retry_after: None,
        };
        RecoverError::Open(OpenError::Connect(ConnectError::Api { context: "kind-drill".into(), source }))
    }

    /// The answers of an API server that was restarted together with its etcd.
    #[test]
    fn refusals_count_when_they_last() {
        let (mut refusals, start) = (Refusals::default(), Instant::now());
        let mut at = |seconds, code| refusals.is_final(&status(code), start + Duration::from_secs(seconds));
        assert_eq!([at(0, 503), at(1, 403), at(60, 403)], [false; 3]);
        assert!(at(61, 403), "a minute of refusals");
        assert_eq!([at(62, 503), at(63, 401), at(122, 403)], [false; 3], "another answer in between");
        assert!(at(123, 401) && at(124, 404), "an answer that is neither a refusal nor temporary");
    }
}
