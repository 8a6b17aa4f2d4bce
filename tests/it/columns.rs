//! What every command prints on a terminal of 80 columns and of 40: no line is wider, unless it is one word or a command
//! that somebody copies, and folding loses nothing of what a pipe would get.

use std::{
    fs::File,
    io::Read,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use nix::pty::{Winsize, openpty};
use textwrap::core::display_width;

/// What a command printed on a terminal of this width, without escape sequences, and its exit code.
fn on_terminal(args: &[&str], dir: &Path, columns: u16) -> (String, i32) {
    let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(&size, None).expect("a terminal");
    let slave = || Stdio::from(pty.slave.try_clone().expect("another handle"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
    // Without CI there are live lines, which fill the width of the terminal with blanks.
    command.args(args).current_dir(dir).env("TERM", "xterm").env("CI", "true").env_remove("NO_COLOR");
    let mut child = command.stdin(Stdio::null()).stdout(slave()).stderr(slave()).spawn().expect("the program starts");
    // The terminal ends with its last writer.
    drop(command);
    drop(pty.slave);
    let mut master = File::from(pty.master);
    let reader = thread::spawn(move || {
        let mut bytes = vec![];
        let mut part = [0; 4096];
        // When the other side is closed, Linux returns an error instead of an end.
        while let Ok(count @ 1..) = master.read(&mut part) {
            bytes.extend_from_slice(&part[..count]);
        }
        bytes
    });
    let code = child.wait().expect("it ends").code().expect("no signal");
    (plain(&String::from_utf8_lossy(&reader.join().expect("it was read"))), code)
}

/// Text without colours. A carriage return and a movement of the cursor, as the live lines need it, begin a new line.
fn plain(text: &str) -> String {
    let colours = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    let moves = regex::Regex::new("\u{1b}(\\[[0-9;?]*[A-Za-z]|\\][^\u{7}]*\u{7}|[78=>])").unwrap();
    let text = text.replace("\r\n", "\n");
    moves.replace_all(&colours.replace_all(&text, ""), "\n").replace('\r', "\n")
}

/// What a command writes into pipes: standard output, then standard error.
fn piped(args: &[&str], dir: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
    let out = command.args(args).current_dir(dir).env_remove("CI").stdin(Stdio::null()).output().expect("it runs");
    String::from_utf8(out.stdout).unwrap() + &String::from_utf8(out.stderr).unwrap()
}

/// Whether a line may be wider: it is one word, one command, or a line of a file of the user with its number.
fn may_be_wide(line: &str) -> bool {
    let of_a_file = line.trim_start().split_once(['|', '>']).is_some_and(|(before, _)| {
        let before = before.trim_end_matches(['-', ':']).trim();
        before.chars().all(|c| c.is_ascii_digit())
    });
    let labels = ["= help: ", "report ", "head ", "next "];
    let words = labels.iter().fold(line.trim(), |words, label| words.strip_prefix(label).unwrap_or(words).trim_start());
    let is_command = words.starts_with("drillmaster ") || line.starts_with("Usage: ");
    let quoted = words.split('`').step_by(2).all(|outside| !outside.trim().contains(' '));
    of_a_file || quoted || is_command
}

fn too_wide(text: &str, columns: u16) -> Vec<&str> {
    text.lines().filter(|line| display_width(line) > usize::from(columns) && !may_be_wide(line)).collect()
}

/// All characters but blanks.
fn content(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn a_line_that_may_be_wide() {
    for line in [
        "/a/long/path",
        "  `drillmaster recover runs/x`",
        " --> cluster.yaml:3:1",
        "12 |   - {name: web}",
        "  = help: word",
    ] {
        assert!(may_be_wide(line), "{line}");
    }
    for line in ["two words", "run `a b` now and then", "  fix: do this"] {
        assert!(!may_be_wide(line), "{line}");
    }
}

#[test]
fn every_command_fits_its_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = |of: &str| repository.join(of).display().to_string();
    let (stack, mistakes, drill) =
        (path("kind-configs/stack"), path("tests/newcomer/cluster-1.yaml"), path("tests/newcomer/drill-1.yaml"));
    assert!(piped(&["rehearse", "--runs", "runs"], dir.path()).contains("exit 0"), "there is a run");
    let run = "runs/zone-outage-small-shop-seed-1";
    // Whether the text is the same as in a pipe. The live lines, and those of which the end is in the report, are not.
    let commands: [(&[&str], bool); 20] = [
        (&["rehearse", "--runs", "again"], false),
        (&["rehearse", "--runs", "again", "-v"], false),
        (&["rehearse", "region-loss", "--cluster", "small-shop"], true),
        (&["rehearse", "--what-if", "replicas web=4; node +1 zone=b"], true),
        (&["status", run], true),
        (&["log", run], true),
        (&["verify", run], true),
        (&["report", run], false),
        (&["recover", run], true),
        (&["list", "scenarios"], true),
        (&["list", "checks"], true),
        (&["explain", "PDB-003"], true),
        (&["explain", "PDB"], true),
        (&["explain", "nothing"], true),
        (&["check", &stack], true),
        (&["lint", &mistakes], false),
        (&["lint", &drill], false),
        (&["plan", "zone-outage", "--context", "nope", "--kubeconfig", "/nonexistent"], false),
        (&["--help"], false),
        (&["check", "--help"], false),
    ];
    for (args, same) in commands {
        let whole = if same { content(&piped(args, dir.path())) } else { String::new() };
        for columns in [80, 40] {
            let (text, code) = on_terminal(args, dir.path(), columns);
            assert!(code != 70 && !text.contains("panicked"), "{args:?}: {text}");
            let wide = too_wide(&text, columns);
            assert!(wide.is_empty(), "{args:?} at {columns} columns:\n{}", wide.join("\n"));
            // Standard error comes between the lines of standard output here, so only the amount is compared.
            let lost = same && content(&text).len() != whole.len();
            assert!(!lost, "{args:?} at {columns} columns lost text:\n{text}");
        }
    }
}

/// A terminal that is far too narrow: nothing fits, but nothing breaks.
#[test]
fn one_column_is_no_reason_to_panic() {
    let dir = tempfile::tempdir().unwrap();
    for args in [&["list", "scenarios"][..], &["explain", "PDB-003"], &["rehearse", "nope"], &["rehearse"]] {
        let (text, code) = on_terminal(args, dir.path(), 1);
        assert!(code != 70 && !text.contains("panicked"), "{args:?}: {text}");
    }
}
