//! The moments of a take-over, so that a test can let something happen at each of them:
//! a frozen runner wakes up, a clock is set.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;

/// A moment of a take-over, just after what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The journal was read for the first time.
    Seen,
    /// The lock is ours, or its holder was ended, or cannot be.
    Lock,
    /// The next segment was created, and everything below it read.
    Segment,
    /// The session's first line is on the disk.
    Opened,
    /// The cluster answers.
    Connected,
    /// The Lease was asked for.
    Lease,
    /// Everything that was open is undone.
    Undone,
}

impl Moment {
    /// All of them, in order.
    pub const ALL: [Self; 7] =
        [Self::Seen, Self::Lock, Self::Segment, Self::Opened, Self::Connected, Self::Lease, Self::Undone];
}

type Hook = Arc<dyn Fn(Moment) -> BoxFuture<'static, ()> + Send + Sync>;

/// Who is to hear of them; nobody outside of tests.
#[derive(Clone, Default)]
pub struct Moments(Option<Hook>);

impl Moments {
    /// Something that happens at each of them.
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
