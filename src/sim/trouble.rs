//! What may happen to a request on the wire: by chance once in so many, or to one
//! request that a test has picked.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{Method, Uri};

use super::dice::Dice;

/// What is to happen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trouble {
    /// One request in so many gets some trouble; 0 is none.
    pub once_in: u64,
    /// The request of this number, counted from now on, gets this.
    pub picked: Option<(u64, Fate)>,
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Nothing.
    Well,
    /// A 503 before any effect.
    Unavailable,
    /// A 500 before any effect.
    Failed,
    /// Throttled.
    Throttled,
    /// The effect happens, the answer is lost.
    LostAnswer,
    /// It happens twice; the second answer comes back.
    Twice,
    /// It takes long.
    Slow,
    /// It hangs.
    Hangs,
    /// A 409 before any effect, where an object could have changed.
    Conflict,
    /// Every watch is cut.
    WatchesCut,
    /// Every watch hears nothing any more, and stays open.
    WatchesStall,
}

/// Who hears of each request as it comes in.
type Ear = Arc<dyn Fn(&Method, &Uri) + Send + Sync>;

/// The wire's mood.
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

    /// Begins to make trouble, or stops.
    pub(super) fn make(&self, trouble: Trouble) {
        let mut mood = self.mood();
        (mood.trouble, mood.came) = (trouble, 0);
    }

    /// Somebody listens from now on.
    pub(super) fn overhear(&self, ear: impl Fn(&Method, &Uri) + Send + Sync + 'static) {
        self.mood().ear = Some(Arc::new(ear));
    }

    /// Something that is no request of the API, heard all the same.
    pub(super) fn tell(&self, method: &Method, uri: &Uri) {
        let ear = self.mood().ear.clone();
        if let Some(ear) = ear {
            ear(method, uri);
        }
    }

    /// What happens to the request that comes now.
    pub(super) fn fate(&self, method: &Method, uri: &Uri) -> Fate {
        self.tell(method, uri);
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

    /// How many requests met with which fate so far.
    pub(super) fn met(&self) -> BTreeMap<Fate, u32> {
        self.mood().met.clone()
    }
}
