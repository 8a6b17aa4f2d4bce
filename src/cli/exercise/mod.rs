//! `drillmaster exercise`: prepare, run and close an exercise. Each command takes the lock of the directory, reads the
//! journal, decides, appends and releases the lock. Start with [`exercise`].

mod actions;
mod attach;
mod hotwash;
mod identity;
mod prepare;
mod review;
mod status;
mod tokens;
mod write;

use jiff::Timestamp;

use super::{
    Done, Failure,
    exercise_args::{ClaimArgs, ExerciseCommand, InjectArgs, SignArgs, StartArgs, WhoArgs},
    note, place, print, say, shown,
};
use crate::{
    exercise::{
        Claim, ClusterAccess, ExerciseError, Jumps, KnownExercise, Policy, Session, StopFor, Time, Verb, plus,
        report_hash, unattended,
    },
    model::{Dur, Exit},
    report::Format,
    world::Clock,
};

/// At least so many characters of a hash must be given.
const SHORTEST_HASH: usize = 12;

pub(super) fn exercise(command: &ExerciseCommand) -> Done {
    match command {
        ExerciseCommand::Prepare(args) => prepare::prepare(args),
        ExerciseCommand::Status(args) => status::status(args),
        ExerciseCommand::Start(args) => start(args),
        ExerciseCommand::Report(args) => write::report(&args.dir.dir, args.format.map(Format::from)),
        ExerciseCommand::Actions(command) => actions::actions(command),
        ExerciseCommand::Erase(args) => write::erase(&args.dir, &args.name),
        ExerciseCommand::Hotwash(args) => hotwash::hotwash(args),
        ExerciseCommand::Sign(args) => sign(args),
        ExerciseCommand::Review(args) => review::review(args),
        ExerciseCommand::Tokens(args) => tokens::tokens(args),
        other => {
            let (who, verb) = verb(other)?;
            act(who, &verb)
        }
    }
}

/// The command as a verb.
fn verb(command: &ExerciseCommand) -> Result<(&WhoArgs, Verb), Failure> {
    Ok(match command {
        ExerciseCommand::Authorise(a) => (&a.who, Verb::Authorise { hash: a.hash.clone() }),
        ExerciseCommand::Next(a) => (&a.who, Verb::Next { skip: a.skip.clone() }),
        ExerciseCommand::Answer(a) => {
            let yes = a.answer == super::record_args::YesNo::Yes;
            (&a.who, Verb::Answer { gate: a.gate.clone(), yes, text: a.text.clone() })
        }
        ExerciseCommand::Decide(a) => {
            (&a.who, Verb::Decide { item: a.item.clone(), option: a.option.clone(), text: a.text.clone() })
        }
        ExerciseCommand::Done(a) => {
            let evidence = a.file.as_deref().map(|file| attach::attach(&a.who.dir, file)).transpose()?;
            (&a.who, Verb::Done { id: a.id.clone(), text: a.text.clone(), evidence })
        }
        ExerciseCommand::Note(a) => (&a.who, Verb::Note { on: a.on.into(), text: a.text.clone() }),
        ExerciseCommand::Inject(a) => (&a.who, inject(a)),
        ExerciseCommand::Rate(a) => {
            let why = a.who.who.because.clone();
            (&a.who, Verb::Rate { objective: a.objective.clone(), rating: a.rating.into(), why })
        }
        ExerciseCommand::Absent(a) => (&a.who, Verb::Absent { role: a.role, why: a.reason.clone() }),
        ExerciseCommand::Pause(a) => (&a.who, Verb::Pause { why: a.reason.clone() }),
        ExerciseCommand::Resume(a) => {
            let (known, _) = KnownExercise::read(&a.dir, now()).map_err(|e| failed(&e))?;
            let cluster = identity::now(&known.state.place);
            (a, Verb::Resume { cluster, unchecked: a.who.because.clone() })
        }
        ExerciseCommand::Drop(a) => {
            let why = a.who.who.because.clone();
            (&a.who, Verb::Drop { objective: a.objective.clone(), why })
        }
        ExerciseCommand::Stop(a) => {
            let how = if a.phrase.is_some() { StopFor::Incident } else { a.why.into() };
            (&a.who, Verb::Stop { how, phrase: a.phrase.clone(), why: a.text.clone() })
        }
        ExerciseCommand::Close(a) => (a, Verb::Close),
        _ => return Err(Failure::new(Exit::Internal, "this command is not a verb of the day")),
    })
}

fn inject(a: &InjectArgs) -> Verb {
    let id = a.id.clone();
    match (&a.add, &a.skip) {
        (Some(text), _) => Verb::InjectNew { id, text: text.clone(), why: a.who.who.because.clone() },
        (None, Some(why)) => Verb::SkipItem { item: id, why: why.clone() },
        (None, None) => Verb::Inject { item: id },
    }
}

/// Who gives a command.
fn claim(args: &ClaimArgs) -> Claim {
    Claim {
        name: args.name.clone(),
        for_role: args.for_role,
        because: args.because.clone(),
        account: place::operator(),
        policy: false,
        token: None,
    }
}

fn now() -> Timestamp {
    Clock::start().wall()
}

fn failed(error: &ExerciseError) -> Failure {
    Failure::of(Exit::Invalid, error)
}

/// Carries out a verb, and shows the next step.
fn act(who: &WhoArgs, verb: &Verb) -> Done {
    let now = now();
    let mut session = Session::open(&who.dir).map_err(|e| failed(&e))?;
    let done = session.act(&claim(&who.who), verb, now);
    // What follows outside the journal may be left from a command that was killed.
    session.release();
    for text in std::mem::take(&mut session.said) {
        say(&text);
    }
    done.map_err(|e| failed(&e))?;
    let closed = matches!(verb, Verb::Close);
    drop(session);
    if closed {
        write::report(&who.dir, None)?;
    }
    status::show(&who.dir, now)
}

fn sign(args: &SignArgs) -> Done {
    let now = now();
    let mut session = Session::open(&args.who.dir).map_err(|e| failed(&e))?;
    session.tick(now).map_err(|e| failed(&e))?;
    let hash = report_hash(&session.known, session.lines());
    if args.hash.len() < SHORTEST_HASH || !hash.starts_with(&args.hash) {
        drop(session);
        write::report(&args.who.dir, None)?;
        let text = format!("the report has the hash {hash}: read report.html, and sign it with --hash {hash}");
        return Err(Failure::new(Exit::Invalid, text));
    }
    let head = session.known.head.clone();
    session.act(&claim(&args.who.who), &Verb::Sign { head, report: hash }, now).map_err(|e| failed(&e))?;
    drop(session);
    write::report(&args.who.dir, None)?;
    status::show(&args.who.dir, now)
}

fn start(args: &StartArgs) -> Done {
    let Some(policy) = &args.unattended else {
        act(&args.who, &Verb::Start)?;
        identity::remember(&args.who.dir)?;
        return Ok(Exit::Passed);
    };
    let (known, _) = KnownExercise::read(&args.who.dir, now()).map_err(|e| failed(&e))?;
    let policy = Policy::load(policy, &known.loaded.playbook).map_err(|p| place::invalid(&p))?;
    let mut tell = |text: &str| note(text);
    match known.state.place {
        ClusterAccess::Real { .. } => unattended(&args.who.dir, &policy, &mut RealTime, &mut tell),
        ClusterAccess::Simulated { .. } | ClusterAccess::Nowhere => {
            let begin = known.state.planned.unwrap_or_else(now);
            unattended(&args.who.dir, &policy, &mut Jumps(begin), &mut tell)
        }
    }
    .map_err(|e| failed(&e))?;
    write::report(&args.who.dir, None)?;
    let (known, _) = KnownExercise::read(&args.who.dir, now()).map_err(|e| failed(&e))?;
    print(&status::results(&known));
    note(&format!("report         {}", shown(args.who.dir.join("report.html"))));
    Ok(status::exit(&known))
}

/// The clock of this machine.
struct RealTime;

impl Time for RealTime {
    fn now(&self) -> Timestamp {
        now()
    }

    fn wait(&mut self, until: Timestamp) {
        // The drill may do something earlier, so this wakes every second.
        let soon = plus(now(), Dur::secs(1)).min(until);
        #[expect(clippy::disallowed_methods, reason = "a client that waits for the clock")]
        std::thread::sleep(std::time::Duration::try_from(soon.duration_since(now())).unwrap_or_default());
    }
}
