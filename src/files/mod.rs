//! Files and standard output. What is read may come from anybody: a device, a pipe that
//! nobody writes to, a file that is far too large, a link that leads elsewhere. What is
//! written is there whole or not at all, and never through a link. What could not be
//! printed is remembered, so that the exit code can say it.

mod limited;
mod out;
mod read;
mod write;

pub use limited::Limited;
pub use out::{Printed, json_for_terminal, print, print_data, print_json, printed};
pub use read::{own, regular, text, text_of_bytes};
pub use write::{private, replace, write_private};
