//! Defects of alerting: silences and inhibitions that begin or end during the drill, rules that are not evaluated, an
//! Alertmanager that receives nothing. It does not know when an entry is in force; see `script`. Read [`silence`]
//! first.

use super::{Delivery, InhibitionTurn, RuleDoes, SilenceTurn, What};
use crate::sim::{
    describe::Inhibition,
    monitoring::{Alertmanager, Monitor, Silence},
    state::State,
};

/// The author of a silence if its entry names none.
const SOMEBODY: &str = "somebody-else";

/// The Alertmanager of an entry that names none.
pub(super) const FIRST: &str = "alertmanager";

fn named<'a>(monitor: &'a mut Monitor, name: Option<&String>) -> Result<&'a mut Alertmanager, String> {
    let name = name.map_or(FIRST, String::as_str);
    monitor.alertmanagers.get_mut(name).ok_or_else(|| format!("Alertmanager `{name}` does not exist"))
}

/// Begins or ends a silence.
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

/// Begins or ends an inhibition.
pub(super) fn inhibit(state: &mut State, it: &InhibitionTurn, ends: bool) -> Result<(), String> {
    let manager = named(&mut state.monitor, it.alertmanager.as_ref())?;
    let rule = Inhibition { source: it.source.clone(), target: it.target.clone(), equal: it.equal.clone() };
    if !ends {
        manager.inhibit.push(rule);
        return Ok(());
    }
    let before = manager.inhibit.len();
    manager.inhibit.retain(|other| *other != rule);
    if manager.inhibit.len() < before { Ok(()) } else { Err("no inhibition has these labels".into()) }
}

/// Cuts or restores the way from Prometheus to an Alertmanager.
pub(super) fn cut(state: &mut State, it: &Delivery, cut: bool) {
    let (now, held) = (state.now_us, state.monitor.active.clone());
    if let Some(manager) = state.monitor.alertmanagers.get_mut(&it.alertmanager) {
        manager.cut = cut.then_some((now, held));
    }
}

impl State {
    /// How a rule misbehaves, if it does.
    pub(in crate::sim) fn rule_lie(&self, alert: &str) -> Option<RuleDoes> {
        self.script.in_force().find_map(|(_, what)| match what {
            What::Rule(lie) if lie.alert == alert => Some(lie.does),
            _ => None,
        })
    }
}
