//! Why a run could not begin, or could not be recovered.

use super::OpenError;
use crate::{
    journal::{JournalError, LockError, WriteError},
    model::{Dur, StepName},
};

/// Why a run could not begin. Nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The run directory cannot be created.
    #[error("cannot create a run directory in {path} (--runs DIR names another folder)")]
    Dir {
        /// The directory.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] WriteError),
    /// The plan differs from the approved one.
    #[error(
        "the plan is not the one that was approved: its hash is {now}, the approved hash is {approved}. The cluster, the scenario, the bindings or --audit-log changed: review the plan again"
    )]
    Drift {
        /// The hash of the plan now.
        now: String,
        /// The approved hash.
        approved: String,
    },
    /// An undo would not be possible.
    #[error(
        "an undo of this drill runs `{0}`, which cannot be found ({1}): nothing was touched. Install the program, or write its full path"
    )]
    Program(String, String),
    /// A backup may expire before it is last needed.
    #[error(
        "step `{step}`: its backup expires after {ttl}, which may be before the drill and its undo end ({needed}, from limits.duration and --unwind-within): nothing was touched. Give the backup a longer `ttl`, or the undo less time"
    )]
    Expires {
        /// The step.
        step: StepName,
        /// How long the backup is kept.
        ttl: Dur,
        /// How long the backup may be needed.
        needed: Dur,
    },
    /// The operator did not confirm the cluster.
    #[error(
        "not confirmed: this is not a kind cluster. Run drillmaster in a terminal and type the name of the context, or give --confirm {0}"
    )]
    Unconfirmed(String),
}

/// The record in the cluster is trusted only for *what* is open. How it is undone comes from the person who recovers:
/// whoever can write to a ConfigMap must not be able to choose programs to run.
pub const NEEDS_BINDINGS: &str = "To recover from the record in the cluster, give the bindings (--bindings FILE). The record contains what is open, but no programs and no paths. The bindings contain how to power nodes on, where Velero is, and whom to page";

/// Why a run could not be taken over. Nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The run is a rehearsal.
    #[error("{0} is a rehearsal: nothing real was touched, so there is nothing to recover")]
    Rehearsal(String),
    /// The journal contains something impossible.
    #[error("{0}: {1}; nothing was changed")]
    Illegal(String, crate::journal::IllegalTransition),
    /// The runner is alive.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The journal cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The cluster or the node host cannot be reached.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The bindings cannot be read.
    #[error("{0}")]
    Bindings(crate::scenario::Problems),
    /// The context is for another cluster than that of the run.
    #[error(
        "context `{context}` is for another cluster (kube-system {found}) than the one of this run ({wanted}): nothing was changed"
    )]
    WrongCluster {
        /// Context.
        context: String,
        /// The UID that was found.
        found: String,
        /// The UID in the journal.
        wanted: String,
    },
    /// The record in the cluster is damaged.
    #[error(
        "cannot read the run record in ConfigMap drillmaster/{0}: {1}. It is unknown what that run left open, and nothing was changed"
    )]
    Record(String, String),
    /// The cluster has no record with open faults.
    #[error("no run record in the cluster contains anything open: there is nothing to recover")]
    NothingInCluster,
    /// It is known what is open, but not how to undo it.
    #[error("run {run} left {open} open. {NEEDS_BINDINGS}")]
    NeedsBindings {
        /// The run.
        run: String,
        /// What is open, as text.
        open: String,
    },
    /// The API server returned an error.
    #[error(transparent)]
    Api(#[from] crate::world::ApiError),
    /// The run directory cannot be written.
    #[error("cannot write {path}")]
    Dir {
        /// The path.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}
