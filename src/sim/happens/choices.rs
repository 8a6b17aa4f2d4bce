//! The closed lists of choices in the entries of `happens:`. A catalogue of entries with the same shape.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$choice_doc:meta])* $choice:ident,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub enum $name { $($(#[$choice_doc])* $choice,)* }
    )*};
}

choices! {
    /// How a rule misbehaves.
    RuleDoes {
        /// Each evaluation fails. The health of the rule is `err`, and active alerts stay active.
        Fails,
        /// The rule is not evaluated any more, but looks healthy.
        Stalls,
    }
    /// How a source misbehaves.
    SourceDoes {
        /// Nothing answers at its address.
        Gone,
        /// It accepts connections, but never answers.
        Hangs,
        /// Each answer is `{}`.
        EmptyObject,
        /// Each answer is a page of HTML, like the page of a login in front of the source.
        Html,
        /// Each answer has the status 500.
        Status500,
    }
    /// How watches misbehave.
    WatchDoes {
        /// They stay open but deliver nothing more, not even after the end of the entry.
        Stall,
        /// They deliver events only at the end of the entry, like a cache that lags behind.
        Lag,
        /// They end, and new ones are refused.
        Refused,
        /// Each event is `{}`.
        Nonsense,
    }
    /// What happens to the readiness of pods.
    ReadinessDoes {
        /// The pods are not Ready.
        Lost,
        /// The pods alternate between not Ready and Ready.
        Flaps,
    }
    /// How an append log misbehaves.
    LogDoes {
        /// It acknowledges a line and does not write it.
        Loses,
        /// It writes a line twice.
        Duplicates,
        /// It writes half of a line.
        Damages,
        /// It writes a line and does not answer.
        Unanswered,
        /// It loses lines that it already contains when the entry begins.
        Forgets,
    }
    /// What fails in Velero.
    VeleroDoes {
        /// Backups end as PartiallyFailed.
        BackupsPartlyFail,
        /// Restores leave out Services and end as PartiallyFailed.
        RestoresPartlyFail,
        /// The object store cannot be reached.
        StoreUnavailable,
    }
    /// What happens to the data of a volume.
    DataDoes {
        /// Backups skip the volume without a message.
        NotCaptured,
        /// Restores bring the volume back empty, without a message.
        NotRestored,
        /// Restores bring the volume back with another content, without a message.
        Altered,
    }
    /// What a node host reports.
    HostSays {
        /// The machine runs.
        Running,
        /// The machine is off.
        Stopped,
    }
}

/// How an earlier backup ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BackupPhase {
    /// It completed.
    #[default]
    Completed,
    /// It failed partially.
    PartiallyFailed,
    /// It failed.
    Failed,
    /// It never ended.
    InProgress,
}
