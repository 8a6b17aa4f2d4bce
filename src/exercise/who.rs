//! Who may do what. Everybody may stop and note; everything else belongs to roles. Start with [`who`].

use super::{
    people::{People, Person},
    playbook::{Playbook, Role},
    state::State,
    what::{By, Known},
};
use crate::{model::Redactor, told};

/// How a command says who gives it.
#[derive(Clone, Debug, Default)]
pub struct Claim {
    /// `--as NAME`.
    pub name: Option<String>,
    /// `--for-role ROLE`: the scribe or a deputy acts for another role.
    pub for_role: Option<Role>,
    /// `--because TEXT`: why.
    pub because: String,
    /// The account of the machine.
    pub account: String,
    /// Whether a policy answers, and not a person.
    pub policy: bool,
    /// The role whose token came with the command. Whoever has it acts in this role and in no other.
    pub token: Option<Role>,
}

/// Who a command comes from, if that person may give it. An empty list of roles means everybody.
///
/// # Errors
/// Nobody has this name, or the person does not have the role; the error names those who do.
pub fn who(playbook: &Playbook, state: &State, people: &People, claim: &Claim, roles: &[Role]) -> Result<By, String> {
    let limited;
    let (person, known) = match (&claim.name, claim.token) {
        (Some(name), Some(role)) => {
            limited = in_role_only(people.find(name)?, role)?;
            (&limited, Known::Token)
        }
        (None, Some(_)) => {
            return Err("choose your name: the token is for a role, which several people may have".into());
        }
        (Some(name), None) => (people.find(name)?, if claim.policy { Known::Policy } else { Known::Asserted }),
        (None, None) => (by_account(people, &claim.account)?, Known::Account),
    };
    let by = |role: Role, because: &str| By {
        person: person.id.clone(),
        role,
        known,
        because: told!(Redactor::default(), "{}", people.mask(because)),
    };
    // A role that the playbook does not have falls to the director.
    let mut may: Vec<Role> = roles.iter().copied().filter(|role| playbook.roles.get(*role).is_some()).collect();
    if may.is_empty() && !roles.is_empty() {
        may.push(Role::Director);
    }
    if let Some(wanted) = claim.for_role {
        return acts_for(playbook, state, people, person, wanted, &may, &claim.because)
            .map(|role| by(role, &claim.because));
    }
    if roles.is_empty() {
        let own = person.roles.first().copied().unwrap_or(Role::Player);
        return Ok(by(own, ""));
    }
    if let Some(role) = may.iter().find(|role| person.roles.contains(role)) {
        return Ok(by(*role, ""));
    }
    let deputy = |role: &&Role| {
        let spec = playbook.roles.get(**role);
        let absent = state.absent.iter().any(|(absent, _)| absent == *role);
        absent && spec.and_then(|spec| spec.deputy).is_some_and(|deputy| person.roles.contains(&deputy))
    };
    if let Some(role) = may.iter().find(deputy) {
        return Ok(by(*role, "deputy of an absent person"));
    }
    Err(denied(playbook, people, person, &may))
}

/// A person as the token of a role shows them: without their other roles.
fn in_role_only(person: &Person, role: Role) -> Result<Person, String> {
    if !person.roles.contains(&role) {
        return Err(format!("{} does not have the role `{role}`, for which this token is", person.name));
    }
    Ok(Person { roles: vec![role], ..person.clone() })
}

fn by_account<'a>(people: &'a People, account: &str) -> Result<&'a Person, String> {
    let found = people.people.iter().find(|p| !p.account.is_empty() && p.account == account);
    found.ok_or_else(|| {
        "say who you are with --as NAME: no person of this exercise has the account of this machine".to_owned()
    })
}

/// The scribe and a deputy may act for another role, with a reason.
fn acts_for(
    playbook: &Playbook,
    state: &State,
    people: &People,
    person: &Person,
    wanted: Role,
    may: &[Role],
    because: &str,
) -> Result<Role, String> {
    if because.trim().is_empty() {
        return Err(format!("--for-role {wanted} needs a reason: add --because TEXT"));
    }
    if !may.is_empty() && !may.contains(&wanted) {
        return Err(format!("`{wanted}` may not do this either; {} may", listed(may)));
    }
    let absent = state.absent.iter().any(|(role, _)| *role == wanted);
    let spec = playbook.roles.get(wanted);
    let is_deputy = spec.and_then(|spec| spec.deputy).is_some_and(|deputy| person.roles.contains(&deputy));
    let writes = person.roles.contains(&Role::Scribe);
    if absent && is_deputy || writes || person.roles.contains(&wanted) {
        return Ok(wanted);
    }
    let scribes: Vec<&str> = people.with(Role::Scribe).map(|p| p.name.as_str()).collect();
    let who = if scribes.is_empty() {
        "the playbook has no scribe".to_owned()
    } else {
        format!("the scribe is {}", scribes.join(", "))
    };
    Err(format!(
        "{} may not act for `{wanted}`; the scribe may, and the deputy once `exercise absent {wanted}` is recorded ({who})",
        person.name
    ))
}

fn denied(playbook: &Playbook, people: &People, person: &Person, may: &[Role]) -> String {
    let with = may.iter().map(|role| {
        let names: Vec<&str> = people.with(*role).map(|p| p.name.as_str()).filter(|n| !n.is_empty()).collect();
        format!("{role} ({})", if names.is_empty() { "nobody".into() } else { names.join(", ") })
    });
    let with: Vec<String> = with.collect();
    let own = if person.roles.is_empty() { "has no role".to_owned() } else { format!("is {}", listed(&person.roles)) };
    let deputies: Vec<Role> = may.iter().filter_map(|role| playbook.roles.get(*role)?.deputy).collect();
    let deputy = if deputies.is_empty() {
        String::new()
    } else {
        format!("; a deputy ({}) may once the absence is recorded with `exercise absent`", listed(&deputies))
    };
    format!("{} {own}, and this needs {}{deputy}", person.name, with.join(" or "))
}

fn listed(roles: &[Role]) -> String {
    roles.iter().map(|role| role.word()).collect::<Vec<_>>().join(", ")
}
