//! The readiness review in the pre-flight: the checks that block or gate the kinds of drill that are in the plan.
//! Blocking findings refuse the run. The others are summarised in one line, because `check` shows them in full.

use std::{collections::BTreeSet, path::Path, time::Duration};

use crate::{
    inventory::{Inventory, fingerprint, survey_cluster},
    model::{
        Environment, Expectation, Finding, Fingerprint, NodeHow, Plan, PlannedStep, RestsOn, Review, Reviewed, Ruling,
        State, Unseen, Verb, few,
    },
    readiness::{OF_A_DESCRIPTION, ReviewSettings, VOCABULARY, review, strangers},
    scenario::{Problems, load_readiness_file},
    world::World,
};

/// The fix for a missing permission to read.
const RIGHTS: &str = "grant the permissions that `drillmaster rbac --for check` prints";
/// At most this many objects of one check are named.
const NAMED: usize = 3;

/// The readiness review of this drill, which can be made again.
#[derive(Clone, Debug)]
pub struct Catalogue {
    settings: ReviewSettings,
    /// When it was first made, by the world's clock.
    asked_us: u64,
    /// The first result.
    pub(super) said: Seen,
    /// The review in full.
    whole: Box<Review>,
    rests_on: RestsOn,
}

/// The result of a review, and what the drill rests on by what the review read.
type Seen = (Box<Reviewed>, Box<Fingerprint>);

impl Catalogue {
    /// Reads the cluster and makes the review for the first time.
    pub(super) async fn first(world: &World, settings: ReviewSettings, rests_on: RestsOn) -> (Self, Vec<Finding>) {
        let asked_us = world.clock.now_us();
        let (whole, rests, findings) = review_cluster(world, &settings, &rests_on).await;
        let said = (Box::new(whole.in_short(settings.environment)), rests);
        (Self { settings, asked_us, said, whole, rests_on }, findings)
    }

    /// Reads the cluster and makes the review.
    pub(super) async fn review(&self, world: &World) -> (Seen, Vec<Finding>) {
        let (whole, rests, findings) = review_cluster(world, &self.settings, &self.rests_on).await;
        ((Box::new(whole.in_short(self.settings.environment)), rests), findings)
    }

    /// The first result in full.
    pub(super) fn whole(&self) -> &Review {
        &self.whole
    }

    /// The age of the first result.
    pub(super) fn age(&self, world: &World) -> Duration {
        Duration::from_micros(world.clock.now_us().saturating_sub(self.asked_us))
    }
}

async fn review_cluster(
    world: &World,
    settings: &ReviewSettings,
    rests_on: &RestsOn,
) -> (Box<Review>, Box<Fingerprint>, Vec<Finding>) {
    let at = world.clock.wall();
    let namespaces: BTreeSet<String> = settings.namespaces.iter().chain(&rests_on.namespaces).cloned().collect();
    let object_set = survey_cluster(world, &namespaces.into_iter().collect::<Vec<_>>(), &[]).await;
    let review = review(&object_set, settings, &world.identity.context, "preflight", at);
    let strange = strangers(&object_set, settings);
    let mut findings: Vec<Finding> = vec![];
    if !strange.is_empty() {
        let fix = "correct the names in the readiness file (`readiness` in the bindings)";
        findings.push(Finding::fail("readiness-scope", strange.join("; "), fix));
    }
    findings.extend(self::findings(&review, settings.environment));
    if world.simulated().is_some() {
        let last = findings.last_mut().expect("the summary is always the last finding");
        last.observed += "; a simulated cluster has no data for the others";
    }
    (Box::new(review), Box::new(fingerprint(&object_set, rests_on)), findings)
}

/// The settings of the review: from the bindings, from the Readiness file that they name, and from the plan.
pub(super) fn settings(world: &World, plan: &Plan, inventory: &Inventory) -> Result<ReviewSettings, Problems> {
    let bindings = &world.bindings;
    let mut settings = ReviewSettings { drills: drills(plan, inventory), ..ReviewSettings::default() };
    // A kind cluster belongs to one person. Any other cluster counts as production, unless the bindings say otherwise.
    settings.environment = if plan.cluster.is_expendable() { Environment::OwnKind } else { Environment::Production };
    if let Some(path) = &bindings.readiness {
        let drills = std::mem::take(&mut settings.drills);
        settings.read(load_readiness_file(Path::new(path), &VOCABULARY)?);
        settings.drills = drills;
    }
    if let Some(environment) = bindings.environment {
        settings.environment = environment;
    }
    if settings.namespaces.is_empty() {
        settings.namespaces.clone_from(&plan.namespaces);
    }
    if world.simulated().is_some() {
        settings.only = OF_A_DESCRIPTION.iter().map(|id| (*id).to_owned()).collect();
    }
    // On your own cluster, a first drill does not need everything to be visible that production needs.
    settings.allow_unknown = settings.environment == Environment::OwnKind;
    Ok(settings)
}

/// The kinds of drill that are in the plan, in the vocabulary of the checks.
fn drills(plan: &Plan, inventory: &Inventory) -> BTreeSet<String> {
    let mut drills: BTreeSet<&str> = plan.steps.iter().flat_map(|step| sorts(step, inventory)).copied().collect();
    if plan.expectations().any(|e| matches!(e, Expectation::Alert(_))) {
        drills.insert("alerts");
    }
    drills.into_iter().map(str::to_owned).collect()
}

fn sorts(step: &PlannedStep, inventory: &Inventory) -> &'static [&'static str] {
    match step.verb() {
        Some(Verb::Drain(_)) => &["drain"],
        Some(Verb::Restore(_) | Verb::DeleteNamespace(_)) => &["restore"],
        Some(Verb::LoseCluster(_)) => &["region", "restore"],
        Some(Verb::KillZone(_)) => &["node", "zone"],
        Some(Verb::KillNodes(spec)) if spec.how == NodeHow::Partition => &["node", "netpart"],
        Some(Verb::KillNodes(_)) if whole_zone(step, inventory) => &["node", "zone"],
        Some(Verb::KillNodes(_)) => &["node"],
        Some(Verb::ImpairNodes(_)) => &["netpart"],
        _ => &[],
    }
}

/// Whether a step takes all nodes of some zone.
fn whole_zone(step: &PlannedStep, inventory: &Inventory) -> bool {
    let gone: BTreeSet<&str> = step.nodes.iter().map(|n| n.name.as_str()).collect();
    inventory.zones().iter().any(|zone| inventory.zone(zone).iter().all(|n| gone.contains(n.metadata.name.as_str())))
}

fn findings(review: &Review, environment: Environment) -> Vec<Finding> {
    let mut findings: Vec<Finding> = review
        .checks
        .iter()
        .filter_map(|check| {
            let of: Vec<&Ruling> = review.results.iter().filter(|r| r.check == check.id && r.blocking).collect();
            let forbidden = of.iter().all(|r| r.unseen == Some(Unseen::Forbidden));
            let fix = if forbidden {
                RIGHTS
            } else {
                of.iter().map(|r| r.fix.as_ref()).find(|f| !f.is_empty()).unwrap_or("")
            };
            let make = if of.iter().any(|r| r.state == State::Fail) { Finding::fail } else { Finding::unknown };
            (!of.is_empty()).then(|| make(&check.id, format!("{}: {}", check.title, named(&of)), fix))
        })
        .collect();
    let rest: BTreeSet<&str> = review
        .results
        .iter()
        .filter(|r| !r.blocking && matches!(r.state, State::Fail | State::Error))
        .map(|r| r.check.as_ref())
        .collect();
    let asked = format!("{} readiness checks for environment {environment}", review.checks.len());
    let last = "readiness";
    findings.push(if rest.is_empty() {
        Finding::pass(
            last,
            format!("{asked}: {} pass, {} could not be checked", review.tally.pass, review.tally.unknown),
        )
    } else {
        let ids = rest.into_iter().collect::<Vec<_>>().join(", ");
        let fix = format!("drillmaster check --context {} --profile preflight", review.target);
        let what = format!("{asked}: these found something to fix, which does not refuse the drill: {ids}");
        Finding::fail(last, what, fix).advisory()
    });
    findings
}

fn named(of: &[&Ruling]) -> String {
    few(of.iter().map(|r| format!("{} {}", r.subject, r.observed)), NAMED, ("; ", "; and"))
}
