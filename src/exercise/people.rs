//! The people of an exercise. Their names are in one file, `people.yaml`, that only its owner may read; the journal
//! contains a salted hash of each name. Whoever is erased loses name and salt, so that nobody can find out whom a hash
//! names, and the journal stays valid. Start with [`People`].

use std::path::Path;

use ring::rand::{SecureRandom, SystemRandom};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    playbook::{Playbook, Role},
    what::Seat,
};
use crate::{
    files,
    model::{hex, printable, sha256},
    scenario::{LARGEST, Mistake, Problems, document, meant, schema_of},
};

/// The name of the file in an exercise's directory.
pub const PEOPLE: &str = "people.yaml";
/// The address that the schema of people has as its `$id`.
const SCHEMA: &str = "https://drillmaster.dev/schema/people-v1.json";
/// No name is longer.
const LONGEST: usize = 200;

/// Who takes part in an exercise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PeopleFile {
    /// drillmaster.dev/v1
    pub api_version: String,
    /// People
    pub kind: String,
    /// One entry for each person.
    pub people: Vec<Entry>,
}

/// One person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The name, as the report writes it.
    pub name: String,
    /// The roles that the person has. Default: none, for somebody who is absent on purpose.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// How the person is reached during the exercise, such as a telephone number. Default: none.
    #[serde(default)]
    pub contact: String,
    /// The person's account on the machine: commands from this account need no --as. Default: none.
    #[serde(default)]
    pub account: String,
    /// The function in which the person is kept out on purpose, as the playbook names it, such as `Shop tech lead`.
    /// Default: none.
    #[serde(default)]
    pub absent: String,
}

/// The schema of people files.
pub fn people_schema() -> serde_json::Value {
    schema_of::<PeopleFile>(SCHEMA)
}

/// The hash that stands for a person in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonId(pub String);

/// A person of a prepared exercise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The hash that stands for the person.
    pub id: PersonId,
    /// The name; empty if the person was erased.
    pub name: String,
    /// The roles.
    pub roles: Vec<Role>,
    /// How the person is reached.
    pub contact: String,
    /// The account.
    pub account: String,
    /// The function in which the person is absent.
    pub absent: String,
    /// What makes the hash unguessable; empty if the person was erased.
    pub salt: String,
}

/// The people of a prepared exercise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// In the order of the file.
    pub people: Vec<Person>,
}

/// What stands for somebody who was erased.
pub const ERASED: &str = "(a person who was erased)";

impl People {
    /// Gives everybody a hash.
    pub fn of(file: &PeopleFile) -> Self {
        let person = |entry: &Entry| {
            let salt = random_hex();
            Person {
                id: id_of(&salt, entry.name.trim()),
                name: entry.name.trim().to_owned(),
                roles: entry.roles.clone(),
                contact: entry.contact.clone(),
                account: entry.account.clone(),
                absent: entry.absent.clone(),
                salt,
            }
        };
        Self { people: file.people.iter().map(person).collect() }
    }

    /// Reads the file of an exercise's directory.
    ///
    /// # Errors
    /// It is missing, is a link, or was damaged.
    pub fn read(dir: &Path) -> Result<Self, String> {
        let path = dir.join(PEOPLE);
        let wrong = |why: String| format!("cannot read {}: {why}", path.display());
        let bytes = files::own(&path, LARGEST).map_err(|e| wrong(e.to_string()))?;
        serde_json::from_slice(&bytes).map_err(|e| wrong(format!("it was damaged: {e}; put back a copy of it")))
    }

    /// Writes the file. JSON is YAML too.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, dir: &Path) -> std::io::Result<()> {
        files::replace(&dir.join(PEOPLE), &serde_json::to_vec_pretty(self).unwrap_or_default())
    }

    /// The person with a name, a hash or an account.
    ///
    /// # Errors
    /// Nobody has it; with the name that was probably meant.
    pub fn find(&self, given: &str) -> Result<&Person, String> {
        let same = |name: &str| !name.is_empty() && name.eq_ignore_ascii_case(given.trim());
        let found = self.people.iter().find(|p| same(&p.name) || p.id.0 == given);
        found.or_else(|| self.people.iter().find(|p| same(&p.account))).ok_or_else(|| {
            let names: Vec<&str> = self.people.iter().map(|p| p.name.as_str()).filter(|n| !n.is_empty()).collect();
            let near = meant(given, names.iter().copied());
            format!(
                "nobody in this exercise has the name `{}`; {near}its people are {}",
                printable(given),
                names.join(", ")
            )
        })
    }

    /// A person by the hash.
    pub fn get(&self, id: &PersonId) -> Option<&Person> {
        self.people.iter().find(|p| p.id == *id)
    }

    /// The name of a person, or what stands for one who was erased.
    pub fn name(&self, id: &PersonId) -> String {
        match self.get(id) {
            Some(person) if !person.name.is_empty() => person.name.clone(),
            _ => ERASED.to_owned(),
        }
    }

    /// The people as the journal knows them, with their hashes in place of their names. What is made with them stays the
    /// same when somebody is erased, and needs no people file.
    pub fn of_seats(seats: &[Seat]) -> Self {
        let nameless = |seat: &Seat| Person {
            id: seat.person.clone(),
            name: seat.person.0.clone(),
            roles: seat.roles.clone(),
            absent: seat.absent.clone(),
            ..Person::default()
        };
        Self { people: seats.iter().map(nameless).collect() }
    }

    /// The people whose name does not belong to their hash: somebody changed the file.
    pub fn renamed(&self) -> Vec<&PersonId> {
        let named = self.people.iter().filter(|p| !p.name.is_empty());
        named.filter(|p| p.id != id_of(&p.salt, &p.name)).map(|p| &p.id).collect()
    }

    /// Everybody with a role.
    pub fn with(&self, role: Role) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(move |p| p.roles.contains(&role))
    }

    /// Replaces each name by its hash, for a text that goes into the journal.
    pub fn mask(&self, text: &str) -> String {
        let mut named: Vec<&Person> = self.people.iter().filter(|p| !p.name.is_empty()).collect();
        named.sort_by_key(|p| std::cmp::Reverse(p.name.len()));
        named.into_iter().fold(text.to_owned(), |text, p| text.replace(&p.name, &format!("{{{}}}", p.id.0)))
    }

    /// Puts names back in a text of the journal.
    pub fn named(&self, text: &str) -> String {
        let ids = self.people.iter().map(|p| (&p.id, self.name(&p.id)));
        ids.fold(text.to_owned(), |text, (id, name)| text.replace(&format!("{{{}}}", id.0), &name))
    }

    /// Forgets everything about a person but the hash.
    pub fn erase(&mut self, id: &PersonId) {
        if let Some(person) = self.people.iter_mut().find(|p| p.id == *id) {
            *person = Person {
                id: person.id.clone(),
                roles: person.roles.clone(),
                absent: person.absent.clone(),
                ..Person::default()
            };
        }
    }
}

/// What stands for a name in the journal.
fn id_of(salt: &str, name: &str) -> PersonId {
    PersonId(format!("p-{}", &sha256(format!("{salt}\0{name}"))[..16]))
}

/// Reads a people file.
///
/// # Errors
/// All mistakes in it at once, with their places; also those that only show beside the playbook.
pub fn load_people(path: &Path, playbook: Option<&Playbook>) -> Result<PeopleFile, Problems> {
    let file = path.display().to_string();
    let text = files::text(path, LARGEST).map_err(|e| {
        let help = "`drillmaster schema people` prints its format";
        Problems::bare(format!("cannot read the people file {file}: {e}"), help)
    })?;
    load_people_str(&file, &text, playbook)
}

/// Reads a people file from a text.
///
/// # Errors
/// As [`load_people`].
pub fn load_people_str(file: &str, text: &str, playbook: Option<&Playbook>) -> Result<PeopleFile, Problems> {
    document(file, text, &people_schema(), |people: &PeopleFile| lint(people, playbook)).map(|(people, _)| people)
}

fn mistake(path: &[&dyn ToString], what: String, help: impl Into<String>) -> Mistake {
    Mistake {
        path: path.iter().map(|part| part.to_string()).collect(),
        what,
        help: help.into(),
        warning: false,
        needs: &[],
    }
}

fn lint(file: &PeopleFile, playbook: Option<&Playbook>) -> Vec<Mistake> {
    let mut found = vec![];
    if file.api_version != "drillmaster.dev/v1" {
        found.push(mistake(
            &[&"apiVersion"],
            format!("unknown apiVersion `{}`", file.api_version),
            "write drillmaster.dev/v1",
        ));
    }
    if file.kind != "People" {
        found.push(mistake(&[&"kind"], format!("unknown kind `{}`", file.kind), "write People"));
    }
    let mut seen: Vec<String> = vec![];
    for (i, entry) in file.people.iter().enumerate() {
        let name = entry.name.trim();
        if name.is_empty() || name.len() > LONGEST {
            found.push(mistake(
                &[&"people", &i, &"name"],
                "a name is empty or too long".into(),
                format!("write 1 to {LONGEST} characters"),
            ));
        }
        // Two people with one name could not be told apart on the command line.
        for given in [name, entry.account.trim()].into_iter().filter(|given| !given.is_empty()) {
            if seen.iter().any(|other| other.eq_ignore_ascii_case(given)) {
                found.push(mistake(
                    &[&"people", &i],
                    format!("`{given}` names two people"),
                    "give each person a different name and account, for example with a middle initial",
                ));
            }
        }
        seen.push(name.to_owned());
        if !entry.account.trim().is_empty() && !entry.account.trim().eq_ignore_ascii_case(name) {
            seen.push(entry.account.trim().to_owned());
        }
    }
    if let Some(playbook) = playbook {
        found.extend(beside(file, playbook));
    }
    found
}

/// What is wrong with the people for a playbook: roles without a person, roles that one person must not have together.
fn beside(file: &PeopleFile, playbook: &Playbook) -> Vec<Mistake> {
    let mut found = vec![];
    for (role, spec) in playbook.roles.each() {
        let have = file.people.iter().filter(|entry| entry.roles.contains(&role)).count();
        if have < spec.least() {
            let least = spec.least();
            let who = if have == 0 { "nobody has".to_owned() } else { format!("{have} of {least} people have") };
            found.push(mistake(
                &[&"people"],
                format!("{who} the role `{role}`"),
                format!("the playbook needs {least}: add `roles: [{role}]` to a person"),
            ));
        }
    }
    let absences: Vec<&str> = playbook.roles.each().flat_map(|(_, spec)| &spec.absent).map(String::as_str).collect();
    for (i, entry) in file.people.iter().enumerate() {
        for (j, role) in entry.roles.iter().enumerate() {
            let Some(spec) = playbook.roles.get(*role) else {
                found.push(mistake(
                    &[&"people", &i, &"roles", &j],
                    format!("the playbook has no role `{role}`"),
                    "remove the role here, or add it to the playbook",
                ));
                continue;
            };
            for other in spec.not_also.iter().filter(|other| entry.roles.contains(other)) {
                let what = format!("`{}` is both `{role}` and `{other}`, which the playbook excludes", entry.name);
                found.push(mistake(
                    &[&"people", &i, &"roles", &j],
                    what,
                    format!("give one of the two roles to another person (`notAlso` of `{role}`)"),
                ));
            }
        }
        if !entry.absent.is_empty() {
            if !absences.contains(&entry.absent.as_str()) {
                let near = meant(&entry.absent, absences.iter().copied());
                let known = if absences.is_empty() {
                    "the playbook keeps nobody out".into()
                } else {
                    format!("the playbook keeps out: {}", absences.join(", "))
                };
                found.push(mistake(
                    &[&"people", &i, &"absent"],
                    format!("no role of the playbook has `{}` under `absent`", entry.absent),
                    format!("{near}{known}"),
                ));
            }
            if !entry.roles.is_empty() {
                let what = format!("`{}` is absent and has a role", entry.name);
                found.push(mistake(
                    &[&"people", &i, &"roles"],
                    what,
                    "remove the roles: a person who is kept out cannot have one",
                ));
            }
        }
    }
    found
}

/// 128 random bits as text.
pub(super) fn random_hex() -> String {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    hex(bytes)
}
