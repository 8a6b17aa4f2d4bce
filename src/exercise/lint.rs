//! Finds mistakes in a playbook that a schema cannot find: references to things that do not exist, stages that do
//! several things, objectives that nothing judges. What only a rehearsal can show is in `lint_time`. Start with
//! [`lint`].

use std::collections::BTreeMap;

use super::{
    lint_drills, lint_time,
    playbook::{JudgedBy, Kind, Playbook, Role},
    points::{Point, Points},
    stage::{Act, Does, Effect, Item, Moment, Stage},
    use_of::Use,
};
use crate::{
    model::{FRAMEWORKS, Framework},
    scenario::{Mistake, meant},
};

/// Returns all mistakes. `uses` has the scenario of each stage that calls one, if it could be read.
pub(super) fn lint(playbook: &Playbook, uses: &BTreeMap<usize, Use>) -> Vec<Mistake> {
    let mut lint = Lint { playbook, points: Points::of(playbook, uses), uses, found: vec![] };
    lint.header();
    lint.roles();
    lint.stages();
    lint.objectives();
    lint_drills::lint(&mut lint);
    lint_time::lint(&mut lint);
    lint.found
}

pub(super) struct Lint<'a> {
    pub playbook: &'a Playbook,
    pub points: Points<'a>,
    pub uses: &'a BTreeMap<usize, Use>,
    pub found: Vec<Mistake>,
}

/// A path of strings and numbers.
macro_rules! way {
    ($($part:expr),*) => { vec![$($part.to_string()),*] };
}
pub(super) use way;

impl Lint<'_> {
    pub(super) fn say(&mut self, path: Vec<String>, what: impl Into<String>, help: impl Into<String>) {
        self.found.push(Mistake { path, what: what.into(), help: help.into(), warning: false, needs: &[] });
    }

    pub(super) fn warn(&mut self, path: Vec<String>, what: impl Into<String>, help: impl Into<String>) {
        self.found.push(Mistake { path, what: what.into(), help: help.into(), warning: true, needs: &[] });
    }

    fn header(&mut self) {
        let p = self.playbook;
        if p.api_version != "drillmaster.dev/v1" {
            self.say(way!["apiVersion"], format!("unknown apiVersion `{}`", p.api_version), "write drillmaster.dev/v1");
        }
        if p.kind != "Playbook" {
            self.say(way!["kind"], format!("unknown kind `{}`", p.kind), "write Playbook");
        }
        self.id(way!["metadata", "name"], &p.metadata.name);
        for (path, text) in [
            (way!["metadata", "title"], &p.metadata.title),
            (way!["purpose"], &p.purpose),
            (way!["stop", "phrase"], &p.stop.phrase),
            (way!["stop", "channel"], &p.stop.channel),
        ] {
            if text.trim().is_empty() {
                let what = format!("`{}` is empty", path[path.len() - 1]);
                self.say(path, what, "write a sentence or a name");
            }
        }
        for (key, ids) in &p.controls {
            let Some(framework) = Framework::of(key) else {
                let near = meant(key, FRAMEWORKS.iter().map(|f| f.key));
                if !near.is_empty() {
                    self.say(way!["controls", key], format!("`{key}` is not a framework of the catalogue"), near);
                }
                continue;
            };
            for (i, id) in ids.iter().enumerate().filter(|(_, id)| framework.asks(id).is_none()) {
                let known = framework.controls.iter().map(|(id, _)| *id);
                let help = format!("{}known: {}", meant(id, known.clone()), known.collect::<Vec<_>>().join(", "));
                self.say(
                    way!["controls", key, i],
                    format!("`{id}` is not in the catalogue of {}", framework.name),
                    help,
                );
            }
        }
    }

    /// Ids become names of files and words of commands.
    fn id(&mut self, path: Vec<String>, id: &str) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if id.is_empty() || id.len() > 40 || !id.chars().all(plain) || id.starts_with('-') || id.ends_with('-') {
            let help = "use lower-case letters, digits and dashes, at most 40 characters";
            self.say(path, format!("`{id}` is not a valid name"), help);
        }
    }

    fn roles(&mut self) {
        if self.playbook.roles.director.is_none() {
            self.say(
                way!["roles"],
                "the playbook has no director",
                "add `director: {}`: somebody must lead the exercise",
            );
        }
        for (role, spec) in self.playbook.roles.each() {
            if spec.min == Some(0) {
                self.say(
                    way!["roles", role, "min"],
                    "`min: 0` is a role without people",
                    "write 1 or more, or remove the role",
                );
            }
            if let Some(deputy) = spec.deputy {
                self.role(way!["roles", role, "deputy"], deputy);
                if deputy == role || spec.not_also.contains(&deputy) && deputy == Role::Player {
                    let what = format!("`{deputy}` cannot be the deputy of `{role}`");
                    self.say(way!["roles", role, "deputy"], what, "name another role");
                }
            }
            for (i, other) in spec.not_also.iter().enumerate() {
                if *other == role {
                    let what = format!("`{role}` excludes itself");
                    self.say(way!["roles", role, "notAlso", i], what, "name other roles");
                }
            }
        }
    }

    /// A role that the playbook does not have could never answer.
    pub(super) fn role(&mut self, path: Vec<String>, role: Role) {
        if self.playbook.roles.get(role).is_none() {
            let help = format!("add `{role}: {{}}` under `roles`, or name another role");
            self.say(path, format!("the playbook has no role `{role}`"), help);
        }
    }

    fn stages(&mut self) {
        if self.playbook.stages.is_empty() {
            self.say(way!["stages"], "the playbook has no stages", "add at least one");
        }
        if !self.playbook.stages.iter().any(|stage| stage.review.is_some()) {
            let help = "add `{id: hotwash, owner: director, review: {rate: […], ask: […]}}`";
            self.say(
                way!["stages"],
                "the playbook has no hotwash: an exercise is not over before it is reviewed",
                help,
            );
        }
        let mut seen = BTreeMap::new();
        for (i, stage) in self.playbook.stages.iter().enumerate() {
            let at = |key: &str| way!["stages", i, key];
            self.id(at("id"), &stage.id);
            self.unique(&mut seen, at("id"), &stage.id);
            self.role(at("owner"), stage.owner);
            self.stage(i, stage);
            for (j, item) in stage.during.iter().enumerate() {
                let at = way!["stages", i, "during", j, "id"];
                self.id(at.clone(), &item.id);
                self.unique(&mut seen, at, &item.id);
                self.item(i, j, stage, item);
            }
        }
    }

    fn unique<'b>(&mut self, seen: &mut BTreeMap<&'b str, ()>, at: Vec<String>, id: &'b str) {
        if seen.insert(id, ()).is_some() {
            self.say(at, format!("two stages or items have the id `{id}`"), "give each its own id");
        }
    }

    fn stage(&mut self, i: usize, stage: &Stage) {
        let acts = stage.acts();
        if acts.len() != 1 {
            let what =
                format!("stage `{}` does {} things", stage.id, if acts.is_empty() { "none of the" } else { "several" });
            self.say(way!["stages", i], what, format!("write exactly one of {}", Stage::ACTS.join(", ")));
        }
        for act in acts {
            match act {
                Act::Brief(b) => b.whom.iter().for_each(|role| self.role(way!["stages", i, "brief", "for"], *role)),
                Act::Discuss(d) => d.whom.iter().for_each(|role| self.role(way!["stages", i, "discuss", "for"], *role)),
                Act::Manual(m) => self.role(way!["stages", i, "manual", "role"], m.role),
                Act::Gate(gate) => {
                    self.role(way!["stages", i, "gate", "ask"], gate.ask);
                    if gate.default.is_none() {
                        let help = "add `default: refuse` or `default: go`: it counts if nobody answers in time";
                        self.say(way!["stages", i, "gate"], format!("gate `{}` has no default", stage.id), help);
                    }
                }
                Act::Review(review) => {
                    let known: Vec<&str> = self.playbook.objectives.iter().map(|o| o.id.as_str()).collect();
                    for (j, id) in review.rate.iter().enumerate().filter(|(_, id)| !known.contains(&id.as_str())) {
                        let help = format!("{}objectives: {}", meant(id, known.iter().copied()), known.join(", "));
                        self.say(way!["stages", i, "review", "rate", j], format!("there is no objective `{id}`"), help);
                    }
                }
                Act::SignOff(sign) => {
                    sign.roles.iter().for_each(|role| self.role(way!["stages", i, "signOff", "roles"], *role));
                    if !sign.keep.is_empty() && !is_keep(&sign.keep) {
                        let what = format!("`{}` does not say how long evidence is kept", sign.keep);
                        self.say(way!["stages", i, "signOff", "keep"], what, "write a number with d or y, such as 5y");
                    }
                }
                Act::Scenario(_) if self.playbook.metadata.kind == Kind::Discussion => {
                    let what = "an exercise of type `discussion` touches nothing, and this stage calls a scenario";
                    self.say(way!["stages", i, "scenario"], what, "write `type: functional`, or use `discuss`");
                }
                Act::Scenario(_) | Act::Check(_) => {}
            }
        }
    }

    fn item(&mut self, i: usize, j: usize, stage: &Stage, item: &Item) {
        let at = |key: &str| way!["stages", i, "during", j, key];
        if item.all().len() != 1 {
            let what = format!("item `{}` must do exactly one thing", item.id);
            self.say(way!["stages", i, "during", j], what, "write exactly one of inject, manual, decide");
        }
        if let Some(role) = item.role() {
            self.role(at("id"), role);
        }
        match item.after.moment() {
            None => self.say(
                at("after"),
                format!("item `{}` does not say when it is due", item.id),
                "write exactly one of step, alertReceived, item, and start: true",
            ),
            Some(Moment::Item(before)) => {
                let earlier: Vec<&str> = stage.during[..j].iter().map(|item| item.id.as_str()).collect();
                if !earlier.contains(&before) {
                    let near = meant(before, earlier.iter().copied());
                    let help = format!("{near}write the id of an item that stands above this one in the same stage");
                    self.say(at("after"), format!("there is no item `{before}` above `{}`", item.id), help);
                }
            }
            Some(Moment::Step(_) | Moment::Alert(_)) if stage.scenario.is_none() => {
                let help = "write `start: true` with `plus`, or `item`";
                self.say(at("after"), format!("stage `{}` has no scenario, so it has no steps", stage.id), help);
            }
            Some(_) => {}
        }
        if let Some(Does::Decide(decide)) = item.does() {
            let options: Vec<&str> = decide.options.keys().map(String::as_str).collect();
            match &decide.default {
                None => self.say(
                    at("decide"),
                    format!("decision `{}` has no default", item.id),
                    format!("add `default:` with one of {}: it counts if nobody decides in time", options.join(", ")),
                ),
                Some(default) if !options.contains(&default.as_str()) => {
                    let help = format!("{}options: {}", meant(default, options.iter().copied()), options.join(", "));
                    self.say(at("decide"), format!("`{default}` is not an option of `{}`", item.id), help);
                }
                Some(_) => {}
            }
            if options.len() < 2 {
                let what = format!("decision `{}` has fewer than two options", item.id);
                self.say(at("decide"), what, "a decision needs a choice");
            }
        }
    }

    fn objectives(&mut self) {
        if self.playbook.objectives.is_empty() {
            self.say(
                way!["objectives"],
                "the playbook has no objectives",
                "add at least one: otherwise nothing is judged",
            );
        }
        let mut seen = BTreeMap::new();
        for (i, objective) in self.playbook.objectives.iter().enumerate() {
            if seen.insert(&objective.id, ()).is_some() {
                let what = format!("two objectives have the id `{}`", objective.id);
                self.say(way!["objectives", i, "id"], what, "give each its own id");
            }
            match objective.judge.one() {
                None => self.say(
                    way!["objectives", i, "judge"],
                    format!("nothing judges objective `{}`", objective.id),
                    "write exactly one of: expect: [ID], rating: ROLE, or from, to and within together",
                ),
                Some(JudgedBy::Rating(role)) => {
                    self.role(way!["objectives", i, "judge", "rating"], role);
                    self.rated(i, &objective.id);
                }
                Some(JudgedBy::Time { from, to, .. }) => {
                    self.point(way!["objectives", i, "judge", "from"], from);
                    self.point(way!["objectives", i, "judge", "to"], to);
                }
                Some(JudgedBy::Expect(ids)) => lint_drills::expectations(self, i, ids),
            }
        }
    }

    /// A rating needs a hotwash in which it is given.
    fn rated(&mut self, i: usize, id: &str) {
        let reviews = self.playbook.stages.iter().filter_map(|stage| stage.review.as_ref());
        if !reviews.flat_map(|review| &review.rate).any(|rated| rated == id) {
            let what = format!("objective `{id}` is decided by a rating, and no stage asks for it");
            self.say(
                way!["objectives", i, "judge"],
                what,
                format!("add `{id}` to `review: {{rate: […]}}` of the hotwash"),
            );
        }
    }

    fn point(&mut self, path: Vec<String>, name: &str) {
        match self.points.find(name) {
            Some(Point::Several) => {
                let what = format!("`{name}` is the name of a step and the id of something else");
                self.say(path, what, "give the stage or the item another id");
            }
            Some(_) => {}
            None => {
                let known = self.points.names();
                let near = meant(name, known.iter().copied());
                let help = format!("{near}write one of: {}", known.join(", "));
                self.say(path, format!("there is no stage, item or step `{name}`"), help);
            }
        }
    }
}

/// Whether a text is a number with d or y.
fn is_keep(text: &str) -> bool {
    let number = text.strip_suffix(['d', 'y']);
    number.is_some_and(|n| n.len() <= 5 && n.parse::<u32>().is_ok_and(|n| n > 0))
}

/// Whether an answer of a decision lets a held drill continue.
pub(super) fn releases(item: &Item) -> bool {
    match item.does() {
        Some(Does::Decide(decide)) => decide.options.values().any(|effect| *effect == Effect::Release),
        _ => false,
    }
}
