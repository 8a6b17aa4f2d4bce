//! Follows a journal while its run writes it, without reading everything again. Start with [`Following`].

use super::{
    RunDir,
    read::{JournalError, follow},
    segment,
    tail::Tail,
};
use crate::event::Event;

/// What a reader of a growing journal gets.
#[derive(Debug)]
pub enum Followed {
    /// All events come again, from the first: the reader forgets what it has. This happens at the beginning, and when
    /// another session takes over, because lines after its beginning do not count.
    Again,
    /// The next event.
    Event(Box<Event>),
}

/// The place in a journal up to which it was read.
#[derive(Debug)]
pub struct Following {
    dir: RunDir,
    segments: Vec<u64>,
    end: Option<Tail>,
}

impl Following {
    /// Nothing was read yet.
    pub fn new(dir: RunDir) -> Self {
        Self { dir, segments: vec![], end: None }
    }

    /// Passes everything on that is new.
    ///
    /// # Errors
    /// The journal cannot be read, is empty, or is damaged. The next call begins again.
    pub fn take_new(&mut self, take: &mut dyn FnMut(Followed)) -> Result<(), JournalError> {
        let numbers = segment::numbers(&self.dir.0).unwrap_or_default();
        if numbers == self.segments
            && let Some(end) = &mut self.end
            && end.take_new(&mut |event| take(Followed::Event(Box::new(event)))).is_ok()
        {
            return Ok(());
        }
        // If a line was refused, reading the whole journal names its place.
        self.end = None;
        take(Followed::Again);
        let about = follow(&self.dir, |event, _| take(Followed::Event(Box::new(event))))?;
        self.end = about.tails.iter().find(|tail| tail.begins_at(about.end.segment, about.end.bytes)).cloned();
        self.segments = numbers;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{
        event::{FORMAT, Kind},
        journal::{Journal, read},
        model::WayBack,
    };

    fn header() -> Kind {
        let value = json!({"kind": "RunStarted", "format": FORMAT, "run_id": "r", "tool": "", "scenario": "",
            "title": "", "scenario_hash": "", "plan_hash": "", "clusters": [], "operator": "", "host": "",
            "way_back": WayBack::default()});
        serde_json::from_value(value).expect("a header")
    }

    #[test]
    fn new_events_come_once_and_all_come_again_after_damage() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = RunDir(folder.path().to_owned());
        let mut journal = Journal::create(&dir).expect("a journal");
        let mut add = |kind| drop(journal.append(0, Timestamp::UNIX_EPOCH, kind).expect("written"));
        add(header());
        let mut following = Following::new(dir.clone());
        let mut new = || {
            let mut all = vec![];
            let done = following.take_new(&mut |followed| match followed {
                Followed::Again => all.push("again".to_owned()),
                Followed::Event(event) => all.push(event.event.name()),
            });
            done.map(|()| all)
        };
        assert_eq!(new().expect("read"), ["again", "RunStarted"]);
        add(Kind::Noted { text: "two".into() });
        assert_eq!(new().expect("read"), ["Noted"]);
        assert!(new().expect("read").is_empty());
        let whole = std::fs::read(dir.journal()).expect("read");
        std::fs::write(dir.journal(), [&whole[..], b"{\"seq\":3"].concat()).expect("written");
        assert!(new().expect("an incomplete line waits").is_empty());
        std::fs::write(dir.journal(), [&whole[..], b"{}\n"].concat()).expect("written");
        assert!(new().is_err());
        std::fs::write(dir.journal(), &whole).expect("written");
        assert_eq!(new().expect("read").len(), 1 + read(&dir).expect("read").events.len());
    }
}
