//! Files and standard output. An input may be anything: a device, a pipe that nobody writes to, a file that is far too
//! large, a link that leads elsewhere. Reading handles all of these. A written file is complete or absent, and is
//! never written through a link. Print errors are remembered, so that the exit code can report them.

mod fold;
mod folder;
mod limited;
mod out;
mod read;
mod write;

pub use fold::{cut, fold, fold_lines};
pub use folder::{Entry, below};
pub use limited::Limited;
pub use out::{Printed, columns, columns_out, json_for_terminal, print, print_data, print_json, printed};
pub use read::{own, own_file, regular, text, text_of_bytes};
pub use write::{create, private, publish, replace, write_private};
