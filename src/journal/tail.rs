//! What a session wrote after another had taken over: its lines count for nothing, but
//! for the intents among them. Something may have been done that was intended there.

use std::path::PathBuf;

use super::{
    chain::{Chain, Link, Taken, lines},
    segment,
};
use crate::event::{Event, Kind};

/// The end of a segment behind the line from which its successor goes on.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    dir: PathBuf,
    segment: u64,
    offset: u64,
    /// None before its first line: the session had opened nothing yet.
    chain: Option<Chain>,
}

/// What was found behind a cut since the last look.
#[derive(Debug, Default)]
pub struct Late {
    /// Whole lines.
    pub lines: u64,
    /// The intents among them.
    pub intents: Vec<Event>,
}

impl Tail {
    /// What follows a byte of a segment.
    pub(super) fn behind(dir: PathBuf, segment: u64, offset: u64, chain: Chain) -> Self {
        Self { dir, segment, offset, chain: Some(chain) }
    }

    /// A whole segment from which no other goes on.
    pub(super) fn whole(dir: PathBuf, segment: u64) -> Self {
        Self { dir, segment, offset: 0, chain: None }
    }

    /// Lines that came since the last look. What does not belong to the chain, half a
    /// line included, is left alone: it may be whole at the next look.
    pub(super) fn look(&mut self, late: &mut Late) {
        let Ok(bytes) = segment::read_from(&self.dir, self.segment, self.offset) else { return };
        for (line, length) in lines(&bytes) {
            let mut chain = match &self.chain {
                Some(chain) => chain.clone(),
                None => match beginning(line) {
                    Some(chain) => chain,
                    None => return,
                },
            };
            let Ok(taken) = chain.take(line) else { return };
            self.chain = Some(chain);
            self.offset += length;
            late.lines += 1;
            if let Taken::Event(event) = taken
                && matches!(event.event, Kind::FaultIntended { .. })
            {
                late.intents.push(*event);
            }
        }
    }
}

/// The chain that a session's first line goes on with, by its own words.
fn beginning(line: &[u8]) -> Option<Chain> {
    let event: Event = serde_json::from_slice(line).ok()?;
    match &event.event {
        Kind::SessionOpened { continues: Some(at), .. } => {
            Some(Chain::from(Link { seq: at.seq, hash: at.hash.clone() }, false))
        }
        _ => None,
    }
}
