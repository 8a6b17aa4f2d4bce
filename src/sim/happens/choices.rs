//! The closed lists of what each thing that happens can do.

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
    /// What a rule does.
    RuleDoes {
        /// Each evaluation fails: its health is `err`, and what was active stays.
        Fails,
        /// It is not evaluated any more, and looks healthy.
        Stalls,
    }
    /// What a source does.
    SourceDoes {
        /// Nobody answers.
        Gone,
        /// A connection is made and no answer comes.
        Hangs,
        /// Each answer is `{}`.
        EmptyObject,
        /// Each answer is a page of HTML, as of a login in front of it.
        Html,
        /// Each answer is a 500.
        Status500,
    }
    /// What watches do.
    WatchDoes {
        /// They stay open and nothing comes any more, not even when it is over.
        Stall,
        /// What happens is told when it is over, as by a cache that lags behind.
        Lag,
        /// They end, and new ones are refused.
        Refused,
        /// Each event is `{}`.
        Nonsense,
    }
    /// What readiness does.
    ReadinessDoes {
        /// It is lost.
        Lost,
        /// It goes and comes.
        Flaps,
    }
    /// What an append log does.
    LogDoes {
        /// A line is acknowledged and not written.
        Loses,
        /// A line is written twice.
        Duplicates,
        /// Half of a line is written.
        Damages,
        /// A line is written, and the answer does not come.
        Unanswered,
        /// Lines that are there already are gone when it begins.
        Forgets,
    }
    /// What Velero does.
    VeleroDoes {
        /// Backups end PartiallyFailed.
        BackupsPartlyFail,
        /// Restores leave Services out and end PartiallyFailed.
        RestoresPartlyFail,
        /// The object store cannot be reached.
        StoreUnavailable,
    }
    /// What becomes of a volume's data.
    DataDoes {
        /// Backups pass over it, and say nothing.
        NotCaptured,
        /// Restores bring the volume back empty, and say nothing.
        NotRestored,
        /// Restores bring another content back, and say nothing.
        Altered,
    }
    /// What a node host says.
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
    /// As it should.
    #[default]
    Completed,
    /// In part.
    PartiallyFailed,
    /// Not at all.
    Failed,
    /// It never ended.
    InProgress,
}
