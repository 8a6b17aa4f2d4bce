//! How many pods there are of each controller, on each node and with each label. They are counted when a pod is written,
//! because the controllers ask after every change. Start with [`Counts`].

use std::{collections::BTreeMap, sync::Arc};

use super::pods::{Pod, node, owner, tag, tags};
use crate::kubernetes::Selector;

/// The numbers of pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counts {
    /// How many pods of a controller are on each node, by the UID of the controller.
    spread: BTreeMap<String, Arc<Spread>>,
    /// How many pods a controller has, by its UID.
    tally: BTreeMap<String, Tally>,
    /// By namespace and by each label.
    groups: BTreeMap<(String, String), Group>,
}

/// The number of pods by the name of the node.
pub(super) type Spread = BTreeMap<String, usize>;

/// How many pods a controller has that are neither Terminating nor finished, and how many of them are Ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub live: usize,
    pub ready: usize,
}

impl Tally {
    /// How one pod counts.
    fn of(pod: &Pod) -> Self {
        let live = !pod.terminating && !pod.finished;
        Self { live: live.into(), ready: (live && pod.ready).into() }
    }
}

/// The pods of a namespace that have one label and have not finished.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group {
    pub pods: usize,
    /// Those of them that are Ready and not Terminating.
    pub healthy: usize,
    /// Their controllers, each with the number of its pods.
    pub owners: BTreeMap<Arc<(String, String)>, usize>,
}

impl Group {
    pub(super) fn add(&mut self, pod: &Pod) {
        self.pods += 1;
        self.healthy += usize::from(pod.is_healthy());
        if let Some(owner) = &pod.owner {
            *self.owners.entry(Arc::clone(owner)).or_default() += 1;
        }
    }

    fn take_away(&mut self, pod: &Pod) {
        self.pods -= 1;
        self.healthy -= usize::from(pod.is_healthy());
        if let Some(owner) = &pod.owner
            && let Some(count) = self.owners.get_mut(owner)
        {
            *count -= 1;
            if *count == 0 {
                self.owners.remove(owner);
            }
        }
    }
}

/// The UID of a pod's controller and the pod's node, unless the pod has none or is Terminating.
fn stands(pod: &Pod) -> Option<(&str, &str)> {
    let (owner, node) = (owner(pod)?, node(pod));
    (!node.is_empty() && !pod.terminating).then_some((owner, node))
}

impl Counts {
    /// How many pods of a controller are on each node, without those that are Terminating.
    pub(super) fn spread(&self, owner_uid: &str) -> Arc<Spread> {
        self.spread.get(owner_uid).cloned().unwrap_or_default()
    }

    /// How many pods a controller has.
    pub(super) fn tally(&self, owner_uid: &str) -> Tally {
        self.tally.get(owner_uid).copied().unwrap_or_default()
    }

    /// The pods that a selector selects, if it consists of one label. A pod that has finished does not count.
    pub(super) fn group_of(&self, namespace: &str, selector: &Selector) -> Option<Group> {
        let (label, value) = selector.match_labels.first_key_value()?;
        let is_one_label = selector.match_labels.len() == 1 && selector.match_expressions.is_empty();
        is_one_label.then(|| self.groups.get(&(namespace.to_owned(), tag(label, value))).cloned().unwrap_or_default())
    }

    /// Counts a pod that was added, changed or removed.
    pub(super) fn change(&mut self, before: Option<&Pod>, after: Option<&Pod>) {
        let (stood, stands) = (before.and_then(stands), after.and_then(stands));
        if stood != stands {
            stood.into_iter().for_each(|(owner, node)| self.goes(owner, node));
            stands.into_iter().for_each(|(owner, node)| self.comes(owner, node));
        }
        let of = |pod: Option<&Pod>| pod.map(Tally::of).unwrap_or_default();
        if of(before) != of(after) || before.and_then(|pod| owner(pod)) != after.and_then(|pod| owner(pod)) {
            before.into_iter().for_each(|pod| self.count(pod, false));
            after.into_iter().for_each(|pod| self.count(pod, true));
        }
        let says = |pod: Option<&Pod>| {
            pod.map(|pod| (pod.finished, pod.is_healthy(), pod.owner.clone(), pod["metadata"]["labels"].clone()))
        };
        if says(before) != says(after) {
            before.into_iter().for_each(|pod| self.group(pod, Group::take_away));
            after.into_iter().for_each(|pod| self.group(pod, Group::add));
        }
    }

    fn comes(&mut self, owner: &str, node: &str) {
        if !self.spread.contains_key(owner) {
            self.spread.insert(owner.to_owned(), Arc::default());
        }
        let Some(spread) = self.spread.get_mut(owner).map(Arc::make_mut) else { return };
        match spread.get_mut(node) {
            Some(count) => *count += 1,
            None => drop(spread.insert(node.to_owned(), 1)),
        }
    }

    fn goes(&mut self, owner: &str, node: &str) {
        let Some(spread) = self.spread.get_mut(owner).map(Arc::make_mut) else { return };
        match spread.get_mut(node) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(spread.remove(node)),
        }
        if spread.is_empty() {
            self.spread.remove(owner);
        }
    }

    /// Counts a pod for its controller, or no longer.
    fn count(&mut self, pod: &Pod, counts: bool) {
        let (Some(uid), one) = (owner(pod), Tally::of(pod)) else { return };
        if one == Tally::default() {
            return;
        }
        let tally = match self.tally.get_mut(uid) {
            Some(tally) => tally,
            None => self.tally.entry(uid.to_owned()).or_default(),
        };
        if counts {
            (tally.live, tally.ready) = (tally.live + one.live, tally.ready + one.ready);
            return;
        }
        (tally.live, tally.ready) = (tally.live - one.live, tally.ready - one.ready);
        if *tally == Tally::default() {
            self.tally.remove(uid);
        }
    }

    /// Counts a pod in the groups of its labels, or no longer.
    fn group(&mut self, pod: &Pod, how: fn(&mut Group, &Pod)) {
        if pod.finished {
            return;
        }
        for tag in tags(pod) {
            let key = (pod.id.0.clone(), tag);
            let group = self.groups.entry(key.clone()).or_default();
            how(group, pod);
            if group.pods == 0 {
                self.groups.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            pods::Pods,
            value::{Value, json},
        },
        *,
    };

    fn pod(turn: usize) -> Arc<Value> {
        let pick = |of: &[&str], by: usize| of[turn / by % of.len()].to_owned();
        let owner = pick(&["web", "api", ""], 1);
        let mut pod = json!({"metadata": {"name": "p", "namespace": "shop", "labels": {"app": pick(&["web", "api"], 2)}},
            "spec": {"nodeName": pick(&["", "a", "b"], 3)},
            "status": {"phase": pick(&["Running", "Succeeded"], 5), "conditions": [
                {"type": "Ready", "status": pick(&["True", "False"], 1)}]}});
        if !owner.is_empty() {
            let controller =
                json!({"kind": "ReplicaSet", "name": owner, "uid": format!("uid-{owner}"), "controller": true});
            pod["metadata"]["ownerReferences"] = vec![controller].into();
        }
        if turn % 7 == 3 {
            pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        Arc::new(pod)
    }

    #[test]
    fn after_any_changes_the_counts_are_those_of_the_pods_that_there_are() {
        let (mut pods, mut places) = (Pods::default(), vec![]);
        for turn in 0..600 {
            match turn % 4 {
                0 | 1 => places.push((pods.enter("shop", &format!("p-{turn}"), &pod(turn)), pod(turn), turn)),
                2 => {
                    let at = turn * 31 % places.len();
                    places[at].1 = pod(turn * 13);
                    pods.change(places[at].0, &places[at].1);
                }
                _ => pods.leave(places.swap_remove(turn * 17 % places.len()).0),
            }
            let mut fresh = Pods::default();
            for (_, pod, name) in &places {
                fresh.enter("shop", &format!("p-{name}"), pod);
            }
            assert_eq!(pods.counts, fresh.counts, "after change {turn}");
        }
        for (place, ..) in places {
            pods.leave(place);
        }
        assert_eq!(pods.counts, Counts::default());
    }
}
