//! Defects that must keep an expectation about the placement of pods from passing.

use super::{
    Attacks, Defect, Setting,
    defects::{hidden, just_after, no_effect, nodes_return, unready},
};
use crate::model::PlacementExpectation;

pub(super) fn defects(e: &PlacementExpectation, setting: &Setting<'_>) -> Vec<Defect> {
    let namespace = setting.namespace(e.namespace.as_ref());
    let of = e.of.as_ref();
    let from_then = |what| setting.fault(of).map(|step| vec![just_after(&step.name).on(what)]);
    let hidden = setting.fault(of).map(|step| hidden(&step.name, unready(&e.workload, &namespace), None));
    vec![
        Defect::new(
            "its pods are not Ready after the fault",
            Attacks::Bound,
            from_then(unready(&e.workload, &namespace)),
        ),
        Defect::new("its pods are not Ready, and the watch of pods hides it", Attacks::Sight, hidden),
        nodes_return(setting, of, Attacks::OwnRecovery),
        no_effect(setting, of),
    ]
}
