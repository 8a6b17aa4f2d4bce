//! What a session wrote after another had taken over. These lines do not count, except that each intent among them may
//! have been carried out.

use std::path::PathBuf;

use super::{
    chain::{Chain, Link, Taken, lines},
    lines::Line,
    segment,
};
use crate::event::{Event, Kind};

/// The end of a segment, after the line from which its successor continues.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    dir: PathBuf,
    segment: u64,
    offset: u64,
    /// None before its first line: the session had not been opened yet.
    chain: Option<Chain>,
}

/// What was found after the take-over since the last call.
#[derive(Debug, Default)]
pub struct Late {
    /// Number of complete lines.
    pub lines: u64,
    /// The intents among them.
    pub intents: Vec<Event>,
}

impl Tail {
    /// The part of a segment after a byte.
    pub(super) fn behind(dir: PathBuf, segment: u64, offset: u64, chain: Chain) -> Self {
        Self { dir, segment, offset, chain: Some(chain) }
    }

    /// A complete segment from which no other continues.
    pub(super) fn whole(dir: PathBuf, segment: u64) -> Self {
        Self { dir, segment, offset: 0, chain: None }
    }

    /// Whether it begins at this byte of this segment.
    pub(super) fn begins_at(&self, segment: u64, offset: u64) -> bool {
        self.segment == segment && self.offset == offset && self.chain.is_some()
    }

    /// Passes the events on that were added since the last call, for a segment that still is the newest one. An
    /// incomplete line is left for the next call.
    ///
    /// # Errors
    /// A line does not belong to the chain, or the segment cannot be read. The events before it were passed on.
    pub(super) fn take_new(&mut self, take: &mut dyn FnMut(Event)) -> Result<(), String> {
        let chain = self.chain.as_mut().ok_or("this segment has no chain")?;
        let bytes = segment::read_from(&self.dir, self.segment, self.offset).map_err(|e| e.to_string())?;
        for (line, length) in lines(&bytes) {
            let taken = chain.add(Line::of(line))?;
            self.offset += length;
            if let Taken::Event(event) = taken {
                take(*event);
            }
        }
        Ok(())
    }

    /// Reads the lines that were added since the last call. Anything that does not belong to the chain is skipped,
    /// including an incomplete line: it may be complete at the next call.
    pub(super) fn read_new(&mut self, late: &mut Late) {
        let Ok(bytes) = segment::read_from(&self.dir, self.segment, self.offset) else { return };
        for (line, length) in lines(&bytes) {
            let mut chain = match &self.chain {
                Some(chain) => chain.clone(),
                None => match beginning(line) {
                    Some(chain) => chain,
                    None => return,
                },
            };
            let Ok(taken) = chain.add(Line::of(line)) else { return };
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

/// The chain that a session continues, according to its first line.
fn beginning(line: &[u8]) -> Option<Chain> {
    let event: Event = serde_json::from_slice(line).ok()?;
    match &event.event {
        Kind::SessionOpened { continues: Some(at), .. } => {
            Some(Chain::from(Link { seq: at.seq, hash: at.hash.clone() }, false))
        }
        _ => None,
    }
}
