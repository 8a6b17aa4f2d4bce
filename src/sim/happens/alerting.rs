//! Alerting that does not say what it should: silences and inhibitions that begin or
//! end in the middle, rules that are not evaluated, an Alertmanager that hears nothing.

use super::{Delivery, InhibitionTurn, RuleDoes, SilenceTurn, What};
use crate::sim::{
    describe::Inhibition,
    monitoring::{Alertmanager, Monitor, Silence},
    state::State,
};

/// Who makes silences that begin in the middle.
const SOMEBODY: &str = "somebody-else";

/// The Alertmanager that is meant where none is named.
pub(super) const FIRST: &str = "alertmanager";

fn named<'a>(monitor: &'a mut Monitor, name: Option<&String>) -> Result<&'a mut Alertmanager, String> {
    let name = name.map_or(FIRST, String::as_str);
    monitor.alertmanagers.get_mut(name).ok_or_else(|| format!("there is no Alertmanager `{name}`"))
}

/// A silence ends, or begins.
pub(super) fn silence(state: &mut State, entry: usize, it: &SilenceTurn, ends: bool) -> Result<(), String> {
    let manager = named(&mut state.monitor, it.alertmanager.as_ref())?;
    if !ends {
        let id = format!("happens-{entry}");
        let by = it.by.clone().unwrap_or_else(|| SOMEBODY.into());
        let comment = it.comment.clone().unwrap_or_default();
        manager.silences.push(Silence { id, by, comment, matchers: it.matchers.clone() });
        return Ok(());
    }
    let before = manager.silences.len();
    manager.silences.retain(|silence| silence.matchers != it.matchers);
    if manager.silences.len() < before { Ok(()) } else { Err("no silence has these matchers".into()) }
}

/// An inhibition ends, or begins.
pub(super) fn inhibit(state: &mut State, it: &InhibitionTurn, ends: bool) -> Result<(), String> {
    let manager = named(&mut state.monitor, it.alertmanager.as_ref())?;
    let rule = Inhibition { source: it.source.clone(), target: it.target.clone(), equal: it.equal.clone() };
    if !ends {
        manager.inhibit.push(rule);
        return Ok(());
    }
    let before = manager.inhibit.len();
    manager.inhibit.retain(|other| *other != rule);
    if manager.inhibit.len() < before { Ok(()) } else { Err("no inhibition has these words".into()) }
}

/// The way from Prometheus to an Alertmanager is cut, or whole again.
pub(super) fn cut(state: &mut State, it: &Delivery, cut: bool) {
    let (now, held) = (state.now_us, state.monitor.active.clone());
    if let Some(manager) = state.monitor.alertmanagers.get_mut(&it.alertmanager) {
        manager.cut = cut.then_some((now, held));
    }
}

impl State {
    /// What is wrong with a rule, if anything is.
    pub(in crate::sim) fn rule_lie(&self, alert: &str) -> Option<RuleDoes> {
        self.script.in_force().find_map(|(_, what)| match what {
            What::Rule(lie) if lie.alert == alert => Some(lie.does),
            _ => None,
        })
    }
}
