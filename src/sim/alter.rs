//! Changes to a described cluster, written in short form, to answer questions such as: what if there were one more
//! replica, a shorter toleration, one more node? Start with [`Change`].

use serde_json::{Value, json};

use super::{Description, Spread};
use crate::model::Dur;

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `replicas web=4`
    Replicas(String, u32),
    /// `toleration web=10s`
    Toleration(String, Dur),
    /// `spread web=zone`, `spread web=node!`
    Spread(String, Spread),
    /// `node +1 zone=b`
    Nodes(String, u32),
}

impl Change {
    /// Parses changes that are separated by `;`.
    ///
    /// # Errors
    /// Names the change that cannot be parsed, and lists the forms that can.
    pub fn parse(text: &str) -> Result<Vec<(String, Self)>, String> {
        text.split(';')
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(|t| Self::parse_change(t).map(|change| (t.to_owned(), change)))
            .collect()
    }

    fn parse_change(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "cannot read the change `{text}`: write `replicas NAME=N`, `toleration NAME=TIME`, `spread NAME=zone|node` (`zone!` or `node!` if a pod must not run otherwise) or `node +N zone=ZONE`"
            )
        };
        let (verb, rest) = text.split_once(' ').ok_or_else(wrong)?;
        let pair = || rest.trim().split_once('=').map(|(a, b)| (a.trim().to_owned(), b.trim()));
        match verb {
            "replicas" => {
                let (name, count) = pair().ok_or_else(wrong)?;
                Ok(Self::Replicas(name, count.parse().map_err(|_| wrong())?))
            }
            "toleration" => {
                let (name, time) = pair().ok_or_else(wrong)?;
                Ok(Self::Toleration(name, time.parse().map_err(|_| wrong())?))
            }
            "spread" => {
                let (name, by) = pair().ok_or_else(wrong)?;
                Ok(Self::Spread(name, by.parse().map_err(|()| wrong())?))
            }
            "node" => {
                let (count, zone) = rest.trim().split_once(' ').ok_or_else(wrong)?;
                let count = count.strip_prefix('+').and_then(|c| c.parse().ok()).ok_or_else(wrong)?;
                Ok(Self::Nodes(zone.trim().strip_prefix("zone=").ok_or_else(wrong)?.to_owned(), count))
            }
            _ => Err(wrong()),
        }
    }
}

impl Description {
    /// Returns the cluster after a change.
    ///
    /// # Errors
    /// Names what the cluster does not have.
    pub fn altered(&self, change: &Change) -> Result<Self, String> {
        let mut other = self.clone();
        match change {
            Change::Nodes(zone, count) => other.add_nodes(zone, *count)?,
            Change::Replicas(name, count) => {
                other.alter(name, |w| w.replicas = Some(*count), |spec| spec["replicas"] = (*count).into())?;
            }
            Change::Toleration(name, time) => {
                other.alter(name, |w| w.toleration = Some(*time), |spec| {
                    let tolerations = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].map(|key| {
                        json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": time.0.as_secs()})
                    });
                    spec["template"]["spec"]["tolerations"] = tolerations.to_vec().into();
                })?;
            }
            Change::Spread(name, by) => {
                other.alter(
                    name,
                    |w| w.spread = Some(*by),
                    |spec| {
                        spec["template"]["spec"]["topologySpreadConstraints"] = json!([{"maxSkew": 1,
                        "topologyKey": by.key(), "whenUnsatisfiable": by.otherwise(),
                        "labelSelector": spec["selector"]}]);
                    },
                )?;
            }
        }
        Ok(other)
    }

    fn add_nodes(&mut self, zone: &str, count: u32) -> Result<(), String> {
        if let Some(nodes) = self.zones.get_mut(zone) {
            *nodes += count;
            return Ok(());
        }
        let key = "/metadata/labels/topology.kubernetes.io~1zone";
        let model =
            self.objects.iter().find(|o| o["kind"] == "Node" && o.pointer(key).and_then(Value::as_str) == Some(zone));
        let model = model.cloned().ok_or_else(|| format!("the cluster has no zone `{zone}`"))?;
        for i in 0..count {
            let mut node = model.clone();
            let name = format!("{}-more-{i}", model["metadata"]["name"].as_str().unwrap_or_default());
            node["metadata"]["labels"]["kubernetes.io/hostname"] = name.clone().into();
            node["metadata"]["name"] = name.into();
            self.objects.push(node);
        }
        Ok(())
    }

    /// Changes a workload by its short name, whether it is described in short form or as an object.
    fn alter(
        &mut self,
        name: &str,
        words: impl Fn(&mut super::WorkloadSpec),
        object: impl Fn(&mut Value),
    ) -> Result<(), String> {
        let mut found = false;
        for workload in self.workloads.iter_mut().filter(|w| w.name.rsplit('/').next() == Some(name)) {
            words(workload);
            found = true;
        }
        let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
        let named = |o: &&mut Value| kinds.iter().any(|kind| o["kind"] == *kind) && o["metadata"]["name"] == name;
        for workload in self.objects.iter_mut().filter(named) {
            object(&mut workload["spec"]);
            found = true;
        }
        if found { Ok(()) } else { Err(format!("the cluster has no workload `{name}`")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_or_explained() {
        let changes =
            Change::parse("replicas web=4; toleration web=10s;spread web=zone!; node +1 zone=b;").expect("four");
        let read: Vec<&Change> = changes.iter().map(|(_, c)| c).collect();
        assert_eq!(read[0], &Change::Replicas("web".into(), 4));
        assert_eq!(read[2], &Change::Spread("web".into(), Spread::OnlyZone));
        assert_eq!(read[3], &Change::Nodes("b".into(), 1));
        for wrong in ["replicas web", "replicas web=many", "spread web=rack", "node 1 zone=b", "power web=9"] {
            assert!(Change::parse(wrong).expect_err(wrong).contains("cannot read the change"), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_there_cannot_be_changed() {
        let shop = Description { zones: [("a".to_owned(), 1)].into(), ..Description::default() };
        assert!(shop.altered(&Change::Nodes("z".into(), 1)).is_err());
        assert!(shop.altered(&Change::Replicas("web".into(), 1)).is_err());
        assert_eq!(shop.altered(&Change::Nodes("a".into(), 2)).expect("zone a").zones["a"], 3);
    }
}
