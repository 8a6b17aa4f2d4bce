//! `drillmaster capture`: writes a copy of a cluster, for rehearsals or for a readiness review.

use std::io::Write;

use super::{
    Done, Failure,
    args::{CaptureArgs, CaptureFor},
    note, place, say, shown,
};
use crate::{
    engine::open,
    files::{print_json, write_private},
    inventory::{capture as copy, save, survey_cluster},
    model::{Exit, Unseen},
    sim::Description,
    world::Clock,
};

pub(super) async fn capture(args: &CaptureArgs) -> Done {
    let for_check = args.review || args.purpose == CaptureFor::Check;
    if for_check && args.out.is_none() {
        return Err(Failure::new(Exit::Invalid, "--for check writes an archive: name its file with --out FILE.tar.gz"));
    }
    if for_check && !args.value.is_empty() {
        return Err(Failure::new(Exit::Invalid, "--value is for rehearsals: `check` uses no variables of a scenario"));
    }
    let place = args.monitoring.at(place::place(&args.place)?);
    let (world, _) = open(&place, Clock::start()).await.map_err(|e| place::not_opened(&e, Exit::Refused))?;
    if let (true, Some(path)) = (for_check, &args.out) {
        let object_set = survey_cluster(&world, &[], &[]).await;
        for (kind, gap) in object_set.gaps.iter().filter(|(_, g)| g.why != Unseen::NotInstalled) {
            say(&format!("not in the capture: {kind} ({}): {}", gap.why, gap.text));
        }
        save(&object_set, &world.identity.context, path)
            .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write {}: {e}", shown(path))))?;
        note(&format!("wrote {} objects; next: `drillmaster check --capture {}`", object_set.len(), shown(path)));
        return Ok(Exit::Passed);
    }
    let mut copied = copy(&world.kube, &world.monitoring, &world.identity.context)
        .await
        .map_err(|e| Failure::of(Exit::Refused, &e))?;
    // No API of the cluster reports its clock sources: they are written in the bindings.
    if let Some(clocks) = world.bindings.clocks {
        copied.description["clocks"] = serde_json::to_value(clocks).unwrap_or_default();
    }
    for (name, value) in place::set(&args.value)? {
        copied.description["values"][name] = value.into();
    }
    let left_out = Description::keep_what_can_be_simulated(&mut copied.description);
    for what in copied.missing.iter().chain(&left_out) {
        say(&format!("not in the copy: {what}"));
    }
    let description = copied.description;
    match &args.out {
        None => print_json(&(serde_json::to_string_pretty(&description).unwrap_or_default() + "\n")),
        Some(path) => {
            write_private(path, |file| {
                // The text of a large cluster is not made as a whole.
                let mut file = std::io::BufWriter::new(file);
                serde_json::to_writer_pretty(&mut file, &description)?;
                file.write_all(b"\n")?;
                file.flush()
            })
            .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write {}: {e}", shown(path))))?;
            note(&format!("wrote {}; next: `drillmaster rehearse SCENARIO --cluster {}`", shown(path), shown(path)));
        }
    }
    Ok(Exit::Passed)
}
