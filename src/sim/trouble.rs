//! What can happen to a request on the wire: randomly to one request in a given number, or to one request that a test
//! chooses. It only decides; `service` does it. Start with [`Trouble`].

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{Method, Uri};

use super::dice::Dice;

/// The trouble that requests meet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trouble {
    /// One request in this number meets some trouble. 0 turns this off.
    pub once_in: u64,
    /// The request with this number, counted from now on, meets this fate.
    pub picked: Option<(u64, Fate)>,
}

/// The fate of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is served normally.
    Well,
    /// It gets a 503 and has no effect.
    Unavailable,
    /// It gets a 500 and has no effect.
    Failed,
    /// It gets a 429 and has no effect.
    Throttled,
    /// It takes effect, but the answer is lost.
    LostAnswer,
    /// It takes effect twice. The second answer is returned.
    Twice,
    /// The answer takes long.
    Slow,
    /// It never gets an answer, and has no effect.
    Hangs,
    /// It gets a 409 and has no effect, if it changes an existing object.
    Conflict,
    /// All watches are cut.
    WatchesCut,
    /// All watches stay open but receive nothing any more.
    WatchesStall,
}

/// A function that is called for each request.
type Ear = Arc<dyn Fn(&Method, &Uri) + Send + Sync>;

/// The state of the wire.
pub(super) struct Troubles(Mutex<Mood>);

struct Mood {
    trouble: Trouble,
    dice: Dice,
    came: u64,
    ear: Option<Ear>,
    met: BTreeMap<Fate, u32>,
}

impl fmt::Debug for Troubles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Troubles")
    }
}

impl Troubles {
    pub(super) fn new(seed: u64) -> Self {
        let dice = Dice::new(seed, "trouble");
        Self(Mutex::new(Mood { trouble: Trouble::default(), dice, came: 0, ear: None, met: BTreeMap::new() }))
    }

    fn mood(&self) -> MutexGuard<'_, Mood> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the trouble, or stops it.
    pub(super) fn make(&self, trouble: Trouble) {
        let mut mood = self.mood();
        (mood.trouble, mood.came) = (trouble, 0);
    }

    /// Sets the function that is called for each request from now on.
    pub(super) fn overhear(&self, ear: impl Fn(&Method, &Uri) + Send + Sync + 'static) {
        self.mood().ear = Some(Arc::new(ear));
    }

    /// Reports to that function something that is not a request to the API server.
    pub(super) fn report(&self, method: &Method, uri: &Uri) {
        let ear = self.mood().ear.clone();
        if let Some(ear) = ear {
            ear(method, uri);
        }
    }

    /// Decides what happens to the request that arrives now.
    pub(super) fn fate(&self, method: &Method, uri: &Uri) -> Fate {
        self.report(method, uri);
        let mut mood = self.mood();
        let number = mood.came;
        mood.came += 1;
        if let Some((picked, fate)) = mood.trouble.picked
            && picked == number
        {
            *mood.met.entry(fate).or_default() += 1;
            return fate;
        }
        let once_in = mood.trouble.once_in;
        if !mood.dice.once_in(once_in) {
            return Fate::Well;
        }
        let fate = match mood.dice.below(9) {
            0 => Fate::Unavailable,
            1 => Fate::Failed,
            2 => Fate::Throttled,
            3 => Fate::LostAnswer,
            4 => Fate::Slow,
            5 => Fate::Hangs,
            6 => Fate::Conflict,
            7 => Fate::WatchesStall,
            _ => Fate::WatchesCut,
        };
        *mood.met.entry(fate).or_default() += 1;
        fate
    }

    /// Counts how many requests met which fate so far.
    pub(super) fn met(&self) -> BTreeMap<Fate, u32> {
        self.mood().met.clone()
    }
}
