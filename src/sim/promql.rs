//! A small evaluator of PromQL over the series that kube-state-metrics would export at this instant. It is sufficient
//! for alerts on nodes and workloads. It keeps no history, so it refuses ranges and rates, and the refusal names them.
//! Read [`parse`] and [`evaluate`] first.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::{
    label::{MatchOp, Matcher},
    parser::{self, AggregateExpr, BinaryExpr, Expr, LabelModifier, VectorMatchCardinality, token},
};

use super::{
    fields::{self, number, text},
    state::State,
    value::Value,
};

pub(super) type Labels = BTreeMap<String, String>;
type Vector = Vec<(Labels, f64)>;

/// The metrics that the simulation exports.
const METRICS: [&str; 16] = [
    "up",
    "kube_node_status_condition",
    "kube_node_spec_unschedulable",
    "kube_deployment_spec_replicas",
    "kube_deployment_status_replicas_available",
    "kube_deployment_status_replicas_ready",
    "kube_statefulset_replicas",
    "kube_statefulset_status_replicas_ready",
    "kube_daemonset_status_desired_number_scheduled",
    "kube_daemonset_status_number_ready",
    "kube_pod_status_phase",
    "kube_pod_status_ready",
    "kube_poddisruptionbudget_status_current_healthy",
    "kube_poddisruptionbudget_status_desired_healthy",
    "kube_poddisruptionbudget_status_pod_disruptions_allowed",
    "kube_persistentvolumeclaim_status_phase",
];

/// Parses an expression, and refuses everything that cannot be evaluated.
pub(super) fn parse(expression: &str) -> Result<Expr, String> {
    let expr = parser::parse(expression)?;
    check(&expr)?;
    Ok(expr)
}

fn check(expr: &Expr) -> Result<(), String> {
    match expr {
        Expr::NumberLiteral(_) => Ok(()),
        Expr::Paren(p) => check(&p.expr),
        Expr::VectorSelector(v) => {
            let name = v.name.clone().unwrap_or_default();
            if v.offset.is_some() || v.at.is_some() {
                return Err("the simulation keeps no history, so it cannot evaluate `offset` and `@`".into());
            }
            if METRICS.contains(&name.as_str()) {
                Ok(())
            } else {
                Err(format!("the simulation does not export `{name}`; it exports {}", METRICS.join(", ")))
            }
        }
        Expr::Binary(b) => {
            known_operator(b)?;
            check(&b.lhs)?;
            check(&b.rhs)
        }
        Expr::Aggregate(a) => {
            if !matches!(a.op.id(), token::T_SUM | token::T_COUNT | token::T_MIN | token::T_MAX) || a.param.is_some() {
                return Err(format!("the simulation cannot evaluate the aggregation `{}`", a.op));
            }
            check(&a.expr)
        }
        Expr::Call(c) if matches!(c.func.name, "vector" | "absent") => c.args.args.iter().try_for_each(|a| check(a)),
        Expr::Call(c) => Err(format!("the simulation cannot evaluate the function `{}`", c.func.name)),
        other => Err(format!("the simulation cannot evaluate `{other}`")),
    }
}

fn known_operator(binary: &BinaryExpr) -> Result<(), String> {
    use token::{T_ADD, T_DIV, T_EQLC, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE, T_LUNLESS, T_MUL, T_NEQ, T_SUB};
    let known = [T_ADD, T_DIV, T_EQLC, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE, T_LUNLESS, T_MUL, T_NEQ, T_SUB];
    let grouped = binary
        .modifier
        .as_ref()
        .is_some_and(|m| matches!(m.card, VectorMatchCardinality::ManyToOne(_) | VectorMatchCardinality::OneToMany(_)));
    if !known.contains(&binary.op.id()) || grouped {
        return Err(format!("the simulation cannot evaluate `{binary}`"));
    }
    Ok(())
}

/// Evaluates an expression at this instant.
pub(super) fn evaluate(expr: &Expr, state: &State) -> Result<Vector, String> {
    match expr {
        Expr::NumberLiteral(n) => Ok(vec![(Labels::new(), n.val)]),
        Expr::Paren(p) => evaluate(&p.expr, state),
        Expr::VectorSelector(v) => {
            let mut series = Series { matchers: &v.matchers.matchers, found: vec![] };
            series.of(v.name.as_deref().unwrap_or(""), state);
            Ok(series.found)
        }
        Expr::Binary(b) => binary(b, state),
        Expr::Aggregate(a) => Ok(aggregate(a, evaluate(&a.expr, state)?)),
        Expr::Call(c) => {
            let argument = c.args.first().ok_or("the function has no argument")?;
            let vector = evaluate(&argument, state)?;
            Ok(match c.func.name {
                "absent" if vector.is_empty() => vec![(Labels::new(), 1.0)],
                "absent" => vec![],
                _ => vector,
            })
        }
        other => Err(format!("the simulation cannot evaluate `{other}`")),
    }
}

fn is_scalar(expr: &Expr) -> bool {
    match expr {
        Expr::NumberLiteral(_) => true,
        Expr::Paren(p) => is_scalar(&p.expr),
        _ => false,
    }
}

fn key(labels: &Labels, modifier: Option<&LabelModifier>) -> Labels {
    labels
        .iter()
        .filter(|(name, _)| match modifier {
            Some(LabelModifier::Include(on)) => on.labels.contains(name),
            Some(LabelModifier::Exclude(ignored)) => !ignored.labels.contains(name),
            None => true,
        })
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

fn binary(b: &BinaryExpr, state: &State) -> Result<Vector, String> {
    let (left, right) = (evaluate(&b.lhs, state)?, evaluate(&b.rhs, state)?);
    let matching = b.modifier.as_ref().and_then(|m| m.matching.as_ref());
    let keys = |vector: &Vector| vector.iter().map(|(l, _)| key(l, matching)).collect::<BTreeSet<Labels>>();
    let split = |vector: Vector, others: &BTreeSet<Labels>, wanted: bool| {
        vector.into_iter().filter(|(l, _)| others.contains(&key(l, matching)) == wanted).collect::<Vector>()
    };
    match b.op.id() {
        token::T_LAND => return Ok(split(left, &keys(&right), true)),
        token::T_LUNLESS => return Ok(split(left, &keys(&right), false)),
        token::T_LOR => {
            let extra = split(right, &keys(&left), false);
            return Ok(left.into_iter().chain(extra).collect());
        }
        _ => {}
    }
    // With a scalar, every series is a partner. Otherwise, partners have the same labels.
    let with_scalar = is_scalar(&b.rhs) || is_scalar(&b.lhs);
    let group = |labels: &Labels| if with_scalar { Labels::new() } else { key(labels, matching) };
    let mut partners: BTreeMap<Labels, Vec<&(Labels, f64)>> = BTreeMap::new();
    for series in &right {
        partners.entry(group(&series.0)).or_default().push(series);
    }
    let mut out = vec![];
    for (labels, value) in &left {
        for (other, with) in partners.get(&group(labels)).into_iter().flatten() {
            let labels = if is_scalar(&b.lhs) { other } else { labels };
            if let Some(value) = apply(b.op.id(), *value, *with, is_scalar(&b.lhs)) {
                out.push((labels.clone(), value));
            }
        }
    }
    Ok(out)
}

fn apply(op: token::TokenId, left: f64, right: f64, scalar_left: bool) -> Option<f64> {
    let holds = match op {
        token::T_ADD => return Some(left + right),
        token::T_SUB => return Some(left - right),
        token::T_MUL => return Some(left * right),
        token::T_DIV => return Some(left / right),
        token::T_EQLC => (left - right).abs() < f64::EPSILON,
        token::T_NEQ => (left - right).abs() >= f64::EPSILON,
        token::T_GTR => left > right,
        token::T_GTE => left >= right,
        token::T_LSS => left < right,
        token::T_LTE => left <= right,
        _ => false,
    };
    holds.then_some(if scalar_left { right } else { left })
}

fn aggregate(a: &AggregateExpr, vector: Vector) -> Vector {
    let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
    for (labels, value) in vector {
        let group = match &a.modifier {
            None => Labels::new(),
            some => key(&labels, some.as_ref()),
        };
        groups.entry(group).or_default().push(value);
    }
    groups
        .into_iter()
        .map(|(labels, values)| {
            let value = match a.op.id() {
                token::T_SUM => values.iter().sum(),
                token::T_COUNT => values.len() as f64,
                token::T_MIN => values.iter().copied().fold(f64::INFINITY, f64::min),
                _ => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            };
            (labels, value)
        })
        .collect()
}

/// The series of one metric that its matchers select. Others are not built: of a large cluster, most are not wanted.
struct Series<'a> {
    matchers: &'a [Matcher],
    found: Vector,
}

impl Series<'_> {
    fn wants(&self, pairs: &[(&str, &str)]) -> bool {
        self.matchers.iter().filter(|m| m.name != "__name__").all(|m| {
            let value = pairs.iter().find(|(name, _)| *name == m.name).map_or("", |(_, value)| *value);
            match &m.op {
                MatchOp::Equal => value == m.value,
                MatchOp::NotEqual => value != m.value,
                MatchOp::Re(re) => re.is_match(value),
                MatchOp::NotRe(re) => !re.is_match(value),
            }
        })
    }

    fn add(&mut self, pairs: &[(&str, &str)], value: impl FnOnce() -> f64) {
        if self.wants(pairs) {
            self.found.push((pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(), value()));
        }
    }

    /// Adds a number of each object.
    fn number(&mut self, state: &State, resource: &'static str, label: &str, pointer: &str) {
        for object in state.store.all(resource) {
            let pairs = [("namespace", fields::namespace(object)), (label, fields::name(object))];
            self.add(&pairs, || number(object, pointer) as f64);
        }
    }

    /// Adds one series for each value that a property of an object may have.
    fn one_of(
        &mut self,
        state: &State,
        (resource, label, word): (&'static str, &str, &str),
        values: &[&str],
        has: impl Fn(&Value, &str) -> bool,
    ) {
        for object in state.store.all(resource) {
            for value in values {
                let pairs = [("namespace", fields::namespace(object)), (label, fields::name(object)), (word, *value)];
                self.add(&pairs, || truth(has(object, value)));
            }
        }
    }

    fn nodes(&mut self, metric: &str, state: &State) {
        for node in state.store.all("nodes") {
            let name = ("node", fields::name(node));
            if metric == "kube_node_spec_unschedulable" {
                self.add(&[name], || truth(node["spec"]["unschedulable"] == true));
                continue;
            }
            for status in ["true", "false", "unknown"] {
                let pairs = [name, ("condition", "Ready"), ("status", status)];
                self.add(&pairs, || truth(fields::condition(node, "Ready").eq_ignore_ascii_case(status)));
            }
        }
    }

    /// Adds the series of a metric at this instant.
    fn of(&mut self, metric: &str, state: &State) {
        let phase = |object: &Value, phase: &str| text(object, "/status/phase") == phase;
        let (resource, label, pointer) = match metric {
            "up" => return self.add(&[("job", "kube-state-metrics")], || 1.0),
            "kube_node_status_condition" | "kube_node_spec_unschedulable" => return self.nodes(metric, state),
            "kube_pod_status_phase" => {
                let phases = ["Pending", "Running", "Succeeded", "Failed", "Unknown"];
                return self.one_of(state, ("pods", "pod", "phase"), &phases, phase);
            }
            "kube_pod_status_ready" => {
                return self.one_of(state, ("pods", "pod", "condition"), &["true", "false"], |pod, ready| {
                    (fields::condition(pod, "Ready") == "True") == (ready == "true")
                });
            }
            "kube_persistentvolumeclaim_status_phase" => {
                let of = ("persistentvolumeclaims", "persistentvolumeclaim", "phase");
                return self.one_of(state, of, &["Pending", "Bound", "Lost"], phase);
            }
            "kube_deployment_spec_replicas" => ("deployments", "deployment", "/spec/replicas"),
            "kube_deployment_status_replicas_available" => ("deployments", "deployment", "/status/availableReplicas"),
            "kube_deployment_status_replicas_ready" => ("deployments", "deployment", "/status/readyReplicas"),
            "kube_statefulset_replicas" => ("statefulsets", "statefulset", "/spec/replicas"),
            "kube_statefulset_status_replicas_ready" => ("statefulsets", "statefulset", "/status/readyReplicas"),
            "kube_daemonset_status_desired_number_scheduled" => {
                ("daemonsets", "daemonset", "/status/desiredNumberScheduled")
            }
            "kube_daemonset_status_number_ready" => ("daemonsets", "daemonset", "/status/numberReady"),
            "kube_poddisruptionbudget_status_current_healthy" => {
                ("poddisruptionbudgets", "poddisruptionbudget", "/status/currentHealthy")
            }
            "kube_poddisruptionbudget_status_desired_healthy" => {
                ("poddisruptionbudgets", "poddisruptionbudget", "/status/desiredHealthy")
            }
            "kube_poddisruptionbudget_status_pod_disruptions_allowed" => {
                ("poddisruptionbudgets", "poddisruptionbudget", "/status/disruptionsAllowed")
            }
            _ => return,
        };
        self.number(state, resource, label, pointer);
    }
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}
