//! Starts programs that die together with this process. Only the child itself can ask the kernel for that, before it
//! becomes the other program. So the child starts as drillmaster, asks the kernel, and then executes the other
//! program. (The kernel cancels this for a program that changes its user, such as sudo.)

use std::{
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use tokio::process::Command;

/// The first argument of a child that still has to become the other program.
const MARK: &str = "__dies-with";
/// The exit code that shells use for a program that cannot be run.
const CANNOT: u8 = 127;

/// The path of this program, if it may start children in this way. Not set in tests of the library.
static OWN: OnceLock<PathBuf> = OnceLock::new();

/// Must be called before anything else. In a child, it executes the other program and does not return, or returns an
/// exit code if that fails.
pub fn enter() -> Option<u8> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(MARK)) {
        if let Ok(own) = std::env::current_exe() {
            let _ = OWN.set(own);
        }
        return None;
    }
    let parent = arguments.next().and_then(|a| a.to_str()?.parse::<i32>().ok());
    let argv: Vec<OsString> = arguments.collect();
    Some(become_program(parent, &argv))
}

fn become_program(parent: Option<i32>, argv: &[OsString]) -> u8 {
    use std::io::Write;
    let Some((program, arguments)) = argv.split_first() else { return CANNOT };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        let _ = writeln!(std::io::stderr(), "cannot make the program die with its parent: {error}");
        return CANNOT;
    }
    // The parent may have died before the kernel was asked.
    if getppid().map(Pid::as_raw_nonzero).map(std::num::NonZero::get) != parent {
        return CANNOT;
    }
    #[expect(clippy::disallowed_methods, reason = "this process becomes the program")]
    let error = std::process::Command::new(program).args(arguments).exec();
    let _ = writeln!(std::io::stderr(), "cannot run {}: {error}", program.to_string_lossy());
    CANNOT
}

/// A command that dies together with this process.
pub(super) fn command(program: &Path, arguments: &[String]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "this is where programs are run")]
    let plain = |path: &Path| Command::from(std::process::Command::new(path));
    match OWN.get().filter(|own| own.is_file()) {
        Some(own) => {
            let mut command = plain(own);
            command.arg(MARK).arg(std::process::id().to_string()).arg(program).args(arguments);
            command
        }
        None => {
            let mut command = plain(program);
            command.args(arguments);
            command
        }
    }
}
