//! The war room: a page in the browser that shows an exercise, or the run directory of one drill, and takes the commands
//! of the day. The files stay the truth: the board reads them, and a command goes through the same `Session` as one at a
//! terminal. What players see is a type of its own, [`PlayersBoard`]. Start with [`Board`], then [`router`].

mod act;
mod alerts;
mod allowed;
mod clocks;
mod drill_view;
mod fold;
mod followed;
mod items;
mod log;
mod players;
mod routes;
mod seat;
mod serve;
mod shown;
mod source;
mod stages;
mod stream;
mod strip;
mod team;
mod tls;

pub use alerts::{AlertChain, AlertTimes};
pub use allowed::Hosts;
pub use clocks::{Counts, Stand, Stopwatch};
pub use drill_view::{DrillClock, DrillView, ProbeStrip, Standing, StepView, ZoneView};
pub use fold::DrillWaits;
pub use items::{ItemView, Next, NextInject};
pub use log::LogLine;
pub use players::PlayersBoard;
pub use routes::{Board, router};
pub use seat::{Keys, Seat};
pub use serve::serve;
pub use shown::{Shown, Sort};
pub use source::Source;
pub use stages::{ExerciseClock, ItemRef, NoteView, StageView};
pub use stream::Feed;
pub use team::{ExerciseView, ObjectiveView, TeamView};
pub use tls::{Tls, TlsError, tls};
