//! The samples of probes: each segment that the journal names must be in the file that the journal names, byte for
//! byte.

use drillmaster::{event::Kind, model::sha256 as hash};

use super::rehearsal::{Rehearsal, cluster, on_paused_time, scenario};

/// Names that differ only in characters that a file name cannot contain.
const ALIKE: [&str; 6] = ["shop/web", "shop_web", "shop-web", "store-front", "store_front", "../Store Front"];

#[test]
fn probes_whose_names_look_alike_have_files_of_their_own() {
    let description = cluster("small-shop");
    let mut loaded = scenario("zone-outage", &description);
    let first = loaded.scenario.probes[0].clone();
    let more = ALIKE.iter().map(|name| {
        let mut probe = first.clone();
        probe.name = (*name).to_owned();
        probe
    });
    loaded.scenario.probes.extend(more.collect::<Vec<_>>());
    on_paused_time(async {
        let stage = Rehearsal::set(&description, 1).await;
        let ended = stage.drill(&loaded, None).await;
        let samples = stage.run_dir().file("samples");
        let mut files = std::collections::BTreeMap::new();
        for event in &ended.events {
            let Kind::ProbeSegment { probe, file, sha256, .. } = &event.event else { continue };
            let (name, range) = file.split_once('#').unwrap();
            let (from, to) = range.split_once('-').unwrap();
            let text = std::fs::read(samples.join(name)).unwrap();
            let part = &text[from.parse().unwrap()..to.parse().unwrap()];
            assert_eq!(*sha256, hash(part), "{probe}: {file}");
            assert_eq!(files.entry(name.to_owned()).or_insert_with(|| probe.clone()), probe, "{name} is shared");
        }
        assert_eq!(files.len(), loaded.scenario.probes.len());
        assert_eq!(std::fs::read_dir(&samples).unwrap().count(), files.len());
    });
}
