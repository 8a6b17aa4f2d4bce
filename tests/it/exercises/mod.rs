//! Exercises as their people meet them: the program is run, its output and its files are read.

mod after;
mod board;
mod day;
mod files;
mod holds;
mod killed;
mod leaks;
mod pdf;
mod reviews;
mod whole;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use drillmaster::{exercise, model::Dur};

/// People for every role of every shipped playbook.
const PEOPLE: &str = include_str!("../../pages/people.yaml");

/// A folder in which the program runs.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        fs::write(desk.path("people.yaml"), PEOPLE).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The exit code, standard output, and messages.
    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
        command.current_dir(self.0.path()).env("NO_COLOR", "1").args(args);
        let out = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
    }

    /// The same for a command that must succeed.
    fn good(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!(code, 0, "{args:?}\n{out}{err}");
        out
    }

    /// The same for a command that must be refused, with its message.
    fn bad(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!(code, 2, "{args:?}\n{out}{err}");
        err
    }

    /// People for a playbook: only the roles that it has.
    fn people_of(&self, playbook: &str) {
        let text = drillmaster::scenario::shipped_text(Path::new(playbook)).unwrap();
        let loaded =
            exercise::load_str(playbook, text, &Default::default(), &|_, _| None).unwrap_or_else(|p| panic!("{p}"));
        let lines = PEOPLE.lines().filter(|line| {
            let role = line.split("roles: [").nth(1).and_then(|rest| rest.split(']').next());
            role.is_none_or(|role| loaded.playbook.roles.get(exercise::Role::of(role).unwrap()).is_some())
        });
        fs::write(self.path("people.yaml"), lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
    }

    /// Prepares a shipped playbook. Returns the directory of the exercise.
    fn prepared(&self, playbook: &str) -> String {
        self.people_of(playbook);
        let at = "2026-12-03T09:00:00Z";
        self.good(&["exercise", "prepare", playbook, "--people", "people.yaml", "--rehearse", "--at", at, "-q"]);
        format!("exercises/{playbook}-2026-12-03")
    }

    /// Prepares, authorises and starts the tabletop exercise, which needs no cluster.
    fn started(&self) -> String {
        let dir = self.prepared("tabletop");
        let status = self.good(&["exercise", "status", &dir]);
        let hash = status.lines().find_map(|line| line.strip_prefix("hash")).unwrap().trim().to_owned();
        self.good(&["exercise", "authorise", &dir, "--as", "Sam Sponsor", "--hash", &hash]);
        self.good(&["exercise", "start", &dir, "--as", "Dora Director"]);
        dir
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }
}

/// A duration of so many minutes.
fn minutes(n: u64) -> Dur {
    Dur::secs(60 * n)
}
