//! The moments of a take-over. A test can let something happen at each of them: a frozen runner resumes, or a clock is
//! set.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;

/// A moment of a take-over, directly after the event in its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The journal was read for the first time.
    Seen,
    /// This session has the lock, or its holder was killed, or cannot be killed.
    Lock,
    /// The next segment was created, and all earlier ones were read.
    Segment,
    /// The first line of this session is on disk.
    Opened,
    /// The cluster answers.
    Connected,
    /// The Lease was requested.
    Lease,
    /// Everything that was open is undone.
    Undone,
}

impl Moment {
    /// All moments, in order.
    pub const ALL: [Self; 7] =
        [Self::Seen, Self::Lock, Self::Segment, Self::Opened, Self::Connected, Self::Lease, Self::Undone];
}

type Hook = Arc<dyn Fn(Moment) -> BoxFuture<'static, ()> + Send + Sync>;

/// What to call at each moment. Empty outside of tests.
#[derive(Clone, Default)]
pub struct Moments(Option<Hook>);

impl Moments {
    /// Calls a function at each moment.
    pub fn heard(hook: impl Fn(Moment) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    pub(super) async fn at(&self, moment: Moment) {
        if let Some(hook) = &self.0 {
            hook(moment).await;
        }
    }
}

impl fmt::Debug for Moments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Moments")
    }
}
