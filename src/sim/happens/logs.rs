//! Append logs that do not keep the lines that they acknowledge. Start with [`LogFate`]; `web` writes the log.

use super::{LogDoes, LogLie, What};
use crate::sim::{
    controllers::volumes::volume_of,
    fields::{list, text},
    state::State,
};

/// What happens to a line that is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum LogFate {
    Kept,
    Lost,
    Twice,
    /// Half of it is kept.
    Torn,
    /// It is kept, but the request gets no answer.
    Unanswered,
}

/// Removes lines that the log already contains, if this is what the entry does.
pub(super) fn begin(state: &mut State, it: &LogLie) -> Result<(), String> {
    if it.does != LogDoes::Forgets {
        return Ok(());
    }
    let volume = volume(state, &it.namespace, &it.pod).ok_or("the pod does not exist or has no volume")?;
    let every = it.one_in.unwrap_or(1).max(1) as usize;
    let content = state.contents.entry(volume).or_default();
    let kept = content.log.lines().enumerate().filter(|(at, _)| (at + 1) % every != 0);
    content.log = kept.map(|(_, line)| format!("{line}\n")).collect();
    Ok(())
}

/// The volume to which a pod writes.
pub(in crate::sim) fn volume(state: &State, namespace: &str, pod: &str) -> Option<String> {
    let pod = state.store.get("pods", namespace, pod)?;
    let mounted = list(pod, "/spec/volumes").iter().map(|v| text(v, "/persistentVolumeClaim/claimName"));
    let claim = mounted.into_iter().find(|c| !c.is_empty())?;
    Some(volume_of(state, namespace, claim))
}

impl State {
    /// What happens to the line that is appended now.
    pub(in crate::sim) fn fate_of_line(&mut self, namespace: &str, pod: &str) -> LogFate {
        let lie = self.script.in_force().find_map(|(entry, what)| match what {
            What::Log(it) if it.pod == pod && it.namespace == namespace => Some((entry, it.does, it.one_in)),
            _ => None,
        });
        let Some((entry, does, one_in)) = lie else { return LogFate::Kept };
        if !self.script.counted(entry).is_multiple_of(one_in.unwrap_or(1).max(1)) {
            return LogFate::Kept;
        }
        match does {
            LogDoes::Loses => LogFate::Lost,
            LogDoes::Duplicates => LogFate::Twice,
            LogDoes::Damages => LogFate::Torn,
            LogDoes::Unanswered => LogFate::Unanswered,
            LogDoes::Forgets => LogFate::Kept,
        }
    }
}
