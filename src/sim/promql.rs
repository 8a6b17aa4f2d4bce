//! A small evaluator of PromQL over the series that kube-state-metrics would export at this instant. It is sufficient
//! for alerts on nodes and workloads. It keeps no history, so it refuses ranges and rates, and the refusal names them.
//! Read [`parse`] and [`evaluate`] first.

use std::collections::BTreeMap;

use promql_parser::{
    label::MatchOp,
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
            let all = series(v.name.as_deref().unwrap_or(""), state);
            let wanted = |labels: &Labels| {
                v.matchers.matchers.iter().filter(|m| m.name != "__name__").all(|m| {
                    let value = labels.get(&m.name).map_or("", String::as_str);
                    match &m.op {
                        MatchOp::Equal => value == m.value,
                        MatchOp::NotEqual => value != m.value,
                        MatchOp::Re(re) => re.is_match(value),
                        MatchOp::NotRe(re) => !re.is_match(value),
                    }
                })
            };
            Ok(all.into_iter().filter(|(labels, _)| wanted(labels)).collect())
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
    let has = |vector: &Vector, labels: &Labels| vector.iter().any(|(l, _)| key(l, matching) == key(labels, matching));
    match b.op.id() {
        token::T_LAND => return Ok(left.into_iter().filter(|(l, _)| has(&right, l)).collect()),
        token::T_LUNLESS => return Ok(left.into_iter().filter(|(l, _)| !has(&right, l)).collect()),
        token::T_LOR => {
            let extra: Vector = right.into_iter().filter(|(l, _)| !has(&left, l)).collect();
            return Ok(left.into_iter().chain(extra).collect());
        }
        _ => {}
    }
    let mut out = vec![];
    for (labels, value) in &left {
        let partners = right
            .iter()
            .filter(|(l, _)| is_scalar(&b.rhs) || is_scalar(&b.lhs) || key(l, matching) == key(labels, matching));
        for (other, with) in partners {
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

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// The series of a metric at this instant.
fn series(metric: &str, state: &State) -> Vector {
    let truth = |holds: bool| f64::from(u8::from(holds));
    let store = &state.store;
    let of = |resource: &'static str, label: &str, pointer: &str| -> Vector {
        store
            .all(resource)
            .map(|o| {
                (labels(&[("namespace", fields::namespace(o)), (label, fields::name(o))]), number(o, pointer) as f64)
            })
            .collect()
    };
    let one_of = |resource: &'static str, label: &str, values: &[&str], has: &dyn Fn(&Value, &str) -> bool| -> Vector {
        let mut out = vec![];
        for object in store.all(resource) {
            for value in values {
                let word = if metric.ends_with("phase") { "phase" } else { "condition" };
                let set =
                    labels(&[("namespace", fields::namespace(object)), (label, fields::name(object)), (word, value)]);
                out.push((set, truth(has(object, value))));
            }
        }
        out
    };
    match metric {
        "up" => vec![(labels(&[("job", "kube-state-metrics")]), 1.0)],
        "kube_node_status_condition" => store
            .all("nodes")
            .flat_map(|node| {
                ["true", "false", "unknown"].map(|status| {
                    let holds = fields::condition(node, "Ready").to_lowercase() == status;
                    let set = labels(&[("node", fields::name(node)), ("condition", "Ready"), ("status", status)]);
                    (set, truth(holds))
                })
            })
            .collect(),
        "kube_node_spec_unschedulable" => store
            .all("nodes")
            .map(|n| {
                (
                    labels(&[("node", fields::name(n))]),
                    truth(n.pointer("/spec/unschedulable") == Some(&Value::Bool(true))),
                )
            })
            .collect(),
        "kube_deployment_spec_replicas" => of("deployments", "deployment", "/spec/replicas"),
        "kube_deployment_status_replicas_available" => of("deployments", "deployment", "/status/availableReplicas"),
        "kube_deployment_status_replicas_ready" => of("deployments", "deployment", "/status/readyReplicas"),
        "kube_statefulset_replicas" => of("statefulsets", "statefulset", "/spec/replicas"),
        "kube_statefulset_status_replicas_ready" => of("statefulsets", "statefulset", "/status/readyReplicas"),
        "kube_daemonset_status_desired_number_scheduled" => {
            of("daemonsets", "daemonset", "/status/desiredNumberScheduled")
        }
        "kube_daemonset_status_number_ready" => of("daemonsets", "daemonset", "/status/numberReady"),
        "kube_poddisruptionbudget_status_current_healthy" => {
            of("poddisruptionbudgets", "poddisruptionbudget", "/status/currentHealthy")
        }
        "kube_poddisruptionbudget_status_desired_healthy" => {
            of("poddisruptionbudgets", "poddisruptionbudget", "/status/desiredHealthy")
        }
        "kube_poddisruptionbudget_status_pod_disruptions_allowed" => {
            of("poddisruptionbudgets", "poddisruptionbudget", "/status/disruptionsAllowed")
        }
        "kube_pod_status_phase" => {
            let phases = ["Pending", "Running", "Succeeded", "Failed", "Unknown"];
            one_of("pods", "pod", &phases, &|o, v| text(o, "/status/phase") == v)
        }
        "kube_pod_status_ready" => one_of("pods", "pod", &["true", "false"], &|o, v| {
            (fields::condition(o, "Ready") == "True") == (v == "true")
        }),
        "kube_persistentvolumeclaim_status_phase" => {
            let phases = ["Pending", "Bound", "Lost"];
            one_of("persistentvolumeclaims", "persistentvolumeclaim", &phases, &|o, v| text(o, "/status/phase") == v)
        }
        _ => vec![],
    }
}
