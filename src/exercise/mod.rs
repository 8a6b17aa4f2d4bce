//! Exercises for people: playbooks, the papers made from them, the day itself and its report. An exercise never touches
//! a cluster. It starts drills with `run`, reads their journals, and keeps a journal of its own in the same format.
//! Start with [`Playbook`], then [`decide`] and [`tick`].

mod attendance;
mod check_stage;
mod checked;
mod contents;
mod directory;
mod drill;
mod fields;
mod forecast;
mod item;
mod journal;
mod judge;
mod launch;
mod line_words;
mod lint;
mod lint_drills;
mod lint_time;
mod load;
mod next_move;
mod order;
mod papers;
mod parts;
mod people;
mod playbook;
mod points;
mod policy;
mod report;
mod schedule;
mod sealed;
mod session;
mod stage;
mod state;
mod tick;
mod time;
mod tokens;
mod unattended;
mod use_of;
mod verbs;
mod verdict;
mod what;
mod who;
mod words;

pub use attendance::Attendance;
pub use check_stage::{Standing as ReviewStanding, result as review_result, suffices};
pub use checked::{Checked, Whole, check as check_exercise, is_exercise};
pub use directory::{PaperFile, Prepare, frozen, prepare, scenario_file, write_papers, write_papers_for};
pub use drill::{At, Drill, End, Timing, Waits, only_run};
pub use forecast::Forecast;
pub use journal::{JournalError, Lines, Open, create, open, read};
pub use judge::{Judgement, Measured, judge, times_of_people};
pub use launch::{folder as drill_folder, review_arguments, stop as stop_drill};
pub use load::{LoadedPlaybook, Rehearse, load, load_str, playbook_schema};
pub use order::{next_commands, open_stage};
pub use papers::{Audience, Content, File, PlayersView, papers};
pub use people::{
    ERASED, Entry, PEOPLE, People, PeopleFile, Person, PersonId, load_people, load_people_str, people_schema,
};
pub use playbook::{
    Judge, JudgedBy, Kind, Metadata, Objective, Playbook, Role, RoleSpec, Roles, Scope, Stop, TestedPlan,
};
pub use points::{Point, Points};
pub use policy::{Otherwise, POLICIES, Policy, PolicyAnswer, Rate, load_policy_str, policy_schema};
pub use report::{actions_csv, actions_json, actions_markdown, report, report_hash};
pub use schedule::{Slot, schedule};
pub use sealed::{check_seal, seal as seal_exercise};
pub use session::{ExerciseError, KnownExercise, Session, watched};
pub use stage::{
    Act, After, Brief, Check, Decide, Discuss, Does, Drill as DrillStage, DrillKind, Effect, Evidence, Gate,
    GateDefault, Hold, Inject, Item, Manual, Moment, Require, Review, SignOff, Stage,
};
pub use state::{
    Action, Added, DrillEnd, Dropped, ExercisePhase, ItemEnd, ItemState, Note, Resumption, ReviewEnd, ReviewState,
    Seen, StageState, State,
};
pub use tick::{Watched, due_at, next_due, tick};
pub use time::{between, clock, date_time, day, deadline, long, plus};
pub use tokens::{TOKENS, TokenHash, Tokens, make_tokens, new_token};
pub use unattended::{Jumps, Time, unattended};
pub use use_of::{Use, loaded, place, set};
pub use verbs::{ClusterNow, Day, Verb, authorised_hash, decide};
pub use verdict::{Came, Count, Verdict};
pub use what::{
    ActionStatus, Attached, By, Carried, ClusterAccess, DrillMoment, FORMAT, Judged, KeptHolding, Known, Line, NoteOn,
    Rating, Seat, StageEnd, StopFor, What,
};
pub use who::{Claim, who};
