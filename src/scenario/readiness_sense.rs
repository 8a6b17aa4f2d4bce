//! Finds mistakes in a readiness file that a schema cannot find: checks and drills that do not exist, invalid dates,
//! names in the wrong form. Without this, a misspelled word would silently make the review weaker.

use jiff::civil::Date;

use super::{
    ReadinessFile,
    problem::{Problem, listed, meant},
    tree::{At, Data, Node, problem},
};

/// The names that a readiness file may use.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary {
    /// Whether a pattern matches any check.
    pub is_check: fn(&str) -> bool,
    /// The ids of all checks.
    pub checks: fn() -> Vec<&'static str>,
    /// The kinds of drill.
    pub drills: &'static [&'static str],
}

const OBJECT: &str = "namespace/kind/name, such as shop/deployment/web";

/// Returns all mistakes.
pub(super) fn lint(file: &str, root: &Node, drill: &ReadinessFile, words: &Vocabulary) -> Vec<Problem> {
    let mut sense = Sense { file, root, words, problems: vec![] };
    sense.names(drill);
    sense.checks(drill);
    sense.days(drill);
    sense.problems.sort_by_key(|p| (p.line, p.column));
    sense.problems
}

struct Sense<'a> {
    file: &'a str,
    root: &'a Node,
    words: &'a Vocabulary,
    problems: Vec<Problem>,
}

impl Sense<'_> {
    fn at(&self, path: &[&str]) -> At {
        let path: Vec<String> = path.iter().map(|p| (*p).to_owned()).collect();
        self.root.locate(&path).clone()
    }

    fn say(&mut self, path: &[&str], what: String, help: String) {
        let at = self.at(path);
        self.problems.push(problem(self.file, &at, what, help));
    }

    fn names(&mut self, drill: &ReadinessFile) {
        for (i, word) in drill.drills.iter().enumerate() {
            if !self.words.drills.contains(&word.as_str()) {
                let help = help(word, self.words.drills);
                self.say(&["drills", &i.to_string()], format!("`{word}` is not a kind of drill"), help);
            }
        }
        for (i, objective) in drill.objectives.iter().enumerate() {
            if !matches!(parts(&objective.of), Some(1 | 3)) {
                let what = format!("`{}` is neither a namespace nor an object", objective.of);
                self.say(&["objectives", &i.to_string(), "of"], what, format!("write a namespace, or {OBJECT}"));
            }
        }
        self.objects(&["scope", "critical"], &drill.scope.critical);
        self.objects(&["checks", "parameters", "singletons"], &drill.checks.parameters.singletons);
        for (i, allowed) in drill.checks.parameters.allowed_differences.iter().enumerate() {
            let index = i.to_string();
            if !allowed.object.contains('*') {
                self.object(&["checks", "parameters", "allowedDifferences", &index, "object"], &allowed.object);
            }
        }
    }

    fn objects(&mut self, path: &[&str], names: &[String]) {
        for (i, name) in names.iter().enumerate() {
            let index = i.to_string();
            let path: Vec<&str> = path.iter().copied().chain([index.as_str()]).collect();
            self.object(&path, name);
        }
    }

    fn object(&mut self, path: &[&str], name: &str) {
        if parts(name) != Some(3) {
            self.say(path, format!("`{name}` is not the name of an object"), format!("write {OBJECT}"));
        }
    }

    fn checks(&mut self, drill: &ReadinessFile) {
        for (i, pattern) in drill.checks.disable.iter().enumerate() {
            self.check(&["checks", "disable", &i.to_string()], pattern);
        }
        for (i, word) in drill.attest.iter().enumerate() {
            self.check(&["attest", &i.to_string(), "check"], &word.check);
        }
        for (i, waiver) in drill.waive.iter().enumerate() {
            self.check(&["waive", &i.to_string(), "check"], &waiver.check);
        }
        let ids = (self.words.checks)();
        let Some(Node { data: Data::Map(entries), .. }) = self.root.get("checks").and_then(|c| c.get("severity"))
        else {
            return;
        };
        for (id, at, _) in entries.iter().filter(|(id, ..)| !ids.contains(&id.as_str())) {
            let what = format!("no check has the id `{id}`");
            self.problems.push(problem(self.file, at, what, help(id, &ids)));
        }
    }

    fn check(&mut self, path: &[&str], pattern: &str) {
        if !(self.words.is_check)(pattern) {
            let help = help(pattern, &(self.words.checks)());
            self.say(path, format!("no check matches `{pattern}`"), help);
        }
    }

    fn days(&mut self, drill: &ReadinessFile) {
        let plan = drill.plan.clone().unwrap_or_default();
        for (word, day) in
            [("reviewed", plan.reviewed), ("lastDrill", plan.last_drill), ("rbacReviewed", plan.rbac_reviewed)]
        {
            if let Some(day) = day {
                self.day(&["plan", word], &day);
            }
        }
        for (i, word) in drill.attest.iter().enumerate() {
            self.day(&["attest", &i.to_string(), "until"], &word.until);
        }
        for (i, waiver) in drill.waive.iter().enumerate() {
            self.day(&["waive", &i.to_string(), "until"], &waiver.until);
        }
        for (i, access) in drill.checks.parameters.registry_access.iter().enumerate() {
            self.day(&["checks", "parameters", "registryAccess", &i.to_string(), "reviewed"], &access.reviewed);
        }
    }

    fn day(&mut self, path: &[&str], day: &str) {
        // A year outside this range is a typing error.
        let usual = |d: &Date| (2000..=2999).contains(&d.year());
        if !day.parse().is_ok_and(|d: Date| usual(&d)) {
            self.say(path, format!("`{day}` is not a date"), "write year, month and day: 2026-12-31".to_owned());
        }
    }
}

/// The number of parts of a name with slashes; none if a part is empty.
fn parts(name: &str) -> Option<usize> {
    name.split('/').all(|part| !part.is_empty()).then(|| name.split('/').count())
}

fn help(given: &str, all: &[&str]) -> String {
    let meant = meant(given, all.iter().copied());
    if all.len() > 20 {
        format!("{meant}`drillmaster list checks` lists all checks")
    } else {
        format!("{meant}write one of: {}", listed(all))
    }
}
