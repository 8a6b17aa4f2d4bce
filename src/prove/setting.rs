//! Finds the names that a defect needs, in the scenario and in the description of its cluster. Each answer may be that
//! there is none, and why; then the defect is not planted.

use serde_json::Value;

use crate::{
    model::{After, RestoreStep, Step, StepName, Verb},
    scenario::{ProbeEntry, Scenario},
    sim::{Description, Which, WorkloadSpec},
};

/// A scenario, and the cluster on which it is rehearsed.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The hash of its file.
    pub hash: &'a str,
    /// The scenario, with its variables replaced.
    pub scenario: &'a Scenario,
    /// The cluster.
    pub description: &'a Description,
}

/// A service, by its name within the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub name: String,
    pub namespace: String,
    /// A pod of the service, if the address names one.
    pub pod: Option<String>,
    /// The cluster that it is in.
    pub cluster: Which,
}

impl Service {
    /// Parses `http://NAME.NAMESPACE.svc/…`, `http://POD.NAME.NAMESPACE.svc…`, and `HOST:PORT`.
    fn behind(address: &str) -> Option<Self> {
        let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
        let host = rest.split(['/', ':']).next()?;
        let (before, after) = host.split_once(".svc")?;
        let cluster = if after.ends_with(".recovery") { Which::Recovery } else { Which::First };
        let mut parts = before.rsplit('.').map(str::to_owned);
        let namespace = parts.next()?;
        Some(Self { name: parts.next()?, namespace, pod: parts.next(), cluster })
    }
}

impl<'a> Setting<'a> {
    /// The step with a name.
    pub(super) fn step(&self, name: &StepName) -> Result<&'a Step, String> {
        let found = self.scenario.steps.iter().find(|s| s.name == *name);
        found.ok_or_else(|| format!("the scenario has no step `{name}`"))
    }

    /// The fault to which an expectation refers: the first one if it names none.
    pub(super) fn fault(&self, of: Option<&StepName>) -> Result<&'a Step, String> {
        let is_fault = |s: &&Step| s.verb().is_some_and(|v| v.is_fault());
        match of {
            Some(name) => self.step(name),
            None => self.scenario.steps.iter().find(is_fault).ok_or_else(|| "the scenario has no fault".into()),
        }
    }

    /// The same, if the fault takes nodes away.
    pub(super) fn node_fault(&self, of: Option<&StepName>) -> Result<&'a Step, String> {
        let step = self.fault(of)?;
        match step.verb() {
            Some(Verb::KillNodes(_) | Verb::KillZone(_) | Verb::LoseCluster(_)) => Ok(step),
            Some(Verb::ImpairNodes(it)) if it.stop.is_some() => Ok(step),
            _ => Err(format!("`{}` does not take nodes away", step.name)),
        }
    }

    /// The step from which the time of an objective counts.
    pub(super) fn clock(&self, of: Option<&StepName>, after: After) -> Result<&'a Step, String> {
        let fault = self.fault(of)?;
        if after == After::Fault {
            return Ok(fault);
        }
        let heals = |s: &&Step| matches!(s.verb(), Some(Verb::Heal(heal)) if heal.fault == fault.name.0);
        let heal = self.scenario.steps.iter().find(heals);
        heal.ok_or_else(|| format!("no step heals `{}`", fault.name))
    }

    /// The namespace of an expectation: the first one in the scope if it names none.
    pub(super) fn namespace(&self, written: Option<&String>) -> String {
        written.or(self.scenario.scope.namespaces.first()).cloned().unwrap_or_default()
    }

    pub(super) fn probe(&self, name: &str) -> Result<&'a ProbeEntry, String> {
        let found = self.scenario.probes.iter().find(|p| p.name == name);
        found.ok_or_else(|| format!("the scenario has no probe `{name}`"))
    }

    /// The service that a probe tests.
    pub(super) fn service(&self, probe: &str) -> Result<Service, String> {
        let probe = self.probe(probe)?;
        let address = probe.http.as_ref().map(|h| &h.url).or(probe.tcp.as_ref());
        let address = address.ok_or("its probe runs a program, which the simulation cannot do")?;
        Service::behind(address).ok_or_else(|| format!("no Service of the cluster is known for the address {address}"))
    }

    /// The pod that stores an append log.
    pub(super) fn log(&self, data: &str) -> Result<(String, String), String> {
        let found = self.scenario.data.iter().find(|d| d.name == data);
        let url = &found.ok_or_else(|| format!("the scenario has no append log `{data}`"))?.http.append;
        let pod = Service::behind(url).and_then(|s| Some((s.pod?, s.namespace)));
        pod.ok_or_else(|| format!("no pod is known for the address {url}"))
    }

    /// The restore step with a name.
    pub(super) fn restore(&self, name: &StepName) -> Result<RestoreStep, String> {
        match self.step(name)?.verb() {
            Some(Verb::Restore(restore)) => Ok(restore),
            _ => Err(format!("`{name}` is not a restore")),
        }
    }

    /// The namespace that a restore restores.
    pub(super) fn restored(&self, restore: &RestoreStep) -> Result<String, String> {
        if let Some(namespace) = &restore.namespace {
            return Ok(namespace.clone());
        }
        let backup = restore.backup.as_ref().map(|name| self.step(&StepName(name.clone()))).transpose()?;
        match backup.and_then(Step::verb) {
            Some(Verb::Backup(backup)) => backup.namespaces.first().cloned(),
            _ => None,
        }
        .ok_or_else(|| "it is not known which namespace it restores".into())
    }

    fn workloads(&self, namespace: &str) -> impl Iterator<Item = &'a WorkloadSpec> {
        self.description.workloads.iter().filter(move |w| w.namespace == namespace)
    }

    fn objects(&self, namespace: &str, kind: &str) -> impl Iterator<Item = &'a str> {
        let text = |object: &'a Value, at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or_default();
        let mine = move |o: &&'a Value| text(o, "/kind") == kind && text(o, "/metadata/namespace") == namespace;
        self.description.objects.iter().filter(mine).map(move |o| text(o, "/metadata/name"))
    }

    /// The budgets in the namespaces of the scope: namespace and name.
    pub(super) fn budgets(&self) -> Result<Vec<(String, String)>, String> {
        let mut all = vec![];
        for namespace in &self.scenario.scope.namespaces {
            let of_workloads = self.workloads(namespace).filter(|w| !w.budget.is_empty()).map(|w| short(&w.name));
            let written = self.objects(namespace, "PodDisruptionBudget");
            all.extend(of_workloads.chain(written).map(|name| (namespace.clone(), name.to_owned())));
        }
        if all.is_empty() { Err("the scope has no budget".into()) } else { Ok(all) }
    }

    /// Pods of a critical StatefulSet, because only their names are known in advance.
    pub(super) fn named_pods(&self) -> Result<Vec<(String, String)>, String> {
        let critical = &self.scenario.scope.critical;
        let set = self.scenario.scope.namespaces.iter().flat_map(|n| self.workloads(n)).find(|w| {
            w.name.starts_with("statefulset/")
                && !w.budget.is_empty()
                && critical.iter().any(|c| c.to_string() == w.name)
        });
        let set =
            set.ok_or("no critical StatefulSet has a budget, and the names of other pods are not known in advance")?;
        let pods = (0..set.replicas.unwrap_or(1)).map(|i| (set.namespace.clone(), format!("{}-{i}", short(&set.name))));
        Ok(pods.collect())
    }

    /// A claim in a namespace.
    pub(super) fn claim(&self, namespace: &str) -> Result<String, String> {
        let of_set = self.workloads(namespace).find(|w| w.volume.is_some());
        let of_set = of_set.map(|w| format!("data-{}-0", short(&w.name)));
        let written = || self.objects(namespace, "PersistentVolumeClaim").next().map(str::to_owned);
        of_set.or_else(written).ok_or_else(|| format!("namespace {namespace} has no claim"))
    }

    /// A ConfigMap in a namespace: no controller reverts changes to it.
    pub(super) fn config_map(&self, namespace: &str) -> Result<&'a str, String> {
        let found = self.objects(namespace, "ConfigMap").next();
        found.ok_or_else(|| format!("the cluster description has no ConfigMap in namespace {namespace}"))
    }

    /// Every Alertmanager.
    pub(super) fn alertmanagers(&self) -> Vec<String> {
        let others = self.description.alertmanagers.keys().cloned();
        std::iter::once("alertmanager".to_owned()).chain(others).collect()
    }
}

fn short(workload: &str) -> &str {
    workload.split_once('/').map_or(workload, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_stands_in_its_address() {
        let service = |address| Service::behind(address).map(|s| (s.name, s.namespace, s.pod));
        let web = Some(("web".to_owned(), "shop".to_owned(), None));
        assert_eq!(service("http://web.shop.svc/healthz"), web);
        assert_eq!(service("http://web.shop.svc.cluster.local:8080/healthz"), web);
        assert_eq!(service("web.shop.svc:80"), web);
        let pod = Some(("orders".to_owned(), "shop".to_owned(), Some("orders-0".to_owned())));
        assert_eq!(service("http://orders-0.orders.shop.svc/append"), pod);
        assert_eq!(service("http://shop.example.com/"), None);
        assert_eq!(service("http://web.shop.svc.recovery/healthz"), web);
        assert_eq!(Service::behind("http://web.shop.svc.recovery/").unwrap().cluster, Which::Recovery);
    }
}
