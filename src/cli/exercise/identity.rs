//! Which cluster is behind the context of an exercise. Nothing else is read, and nothing is changed.

use std::{path::Path, time::Duration};

use super::{
    super::{Failure, block, note, place},
    failed,
};
use crate::{
    exercise::{ClusterAccess, ClusterNow, KnownExercise, Session, What},
    model::{Exit, Redactor},
    told,
    world::{Reach, connect},
};

/// How long somebody at the terminal waits for the API server.
const LIMIT: Duration = Duration::from_secs(20);

/// The cluster behind the context.
pub(super) fn now(access: &ClusterAccess) -> ClusterNow {
    let ClusterAccess::Real { arguments } = access else { return ClusterNow::None };
    let unknown = |why: String| ClusterNow::Unknown(told!(Redactor::default(), "{why}"));
    let reach = match reach(arguments) {
        Some(reach) => reach,
        None => return unknown("the exercise names no context".into()),
    };
    let mut found = unknown(format!("it did not answer within {} s", LIMIT.as_secs()));
    let asked = block(async {
        let here = place::here();
        match tokio::time::timeout(LIMIT, connect(&reach, &here)).await {
            Ok(Ok((_, identity))) => found = ClusterNow::Is(identity.uid),
            Ok(Err(error)) => found = unknown(Failure::of(Exit::Refused, &error).text),
            Err(_) => {}
        }
        Ok(Exit::Passed)
    });
    match asked {
        Ok(_) => found,
        Err(failure) => unknown(failure.text),
    }
}

/// The first cluster among the arguments of `run`.
fn reach(arguments: &[String]) -> Option<Reach> {
    let of =
        |flag: &'static str| arguments.chunks_exact(2).filter(move |pair| pair[0] == flag).map(|pair| pair[1].clone());
    let contexts: Vec<String> = of("--context").collect();
    let (context, _) = place::contexts(&contexts).ok()?;
    Some(Reach { context: context?, kubeconfigs: of("--kubeconfig").map(Into::into).collect(), in_cluster: false })
}

/// Writes down which cluster it is when the exercise begins, so that `resume` can compare. The lock of the exercise is
/// free while the API server is asked.
pub(super) fn remember(dir: &Path) -> Result<(), Failure> {
    let (known, _) = KnownExercise::read(dir, super::now()).map_err(|e| failed(&e))?;
    let access = &known.state.place;
    let ClusterAccess::Real { arguments } = access else { return Ok(()) };
    match now(access) {
        ClusterNow::Is(uid) => {
            let mut session = Session::open(dir).map_err(|e| failed(&e))?;
            let context = reach(arguments).map(|reach| reach.context).unwrap_or_default();
            let line = What::ClusterIdentified { context, uid };
            session.append(vec![(super::now(), line)]).map_err(|e| failed(&e))?;
        }
        ClusterNow::Unknown(why) => note(&format!(
            "the cluster could not be identified: {why}. After a pause, `exercise resume` needs a reason"
        )),
        ClusterNow::None => {}
    }
    Ok(())
}
