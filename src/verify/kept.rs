//! The evidence that a run kept beside its journal: each file is as the journal describes it.

use std::{collections::BTreeMap, fs};

use super::{
    directory::RunFiles,
    found::{Differences, sha256},
};
use crate::{event::Kind, journal::KEPT};

pub(super) fn check(looked: &RunFiles<'_>, found: &mut Differences) {
    let mut described: BTreeMap<&str, (u64, &str, u64)> = BTreeMap::new();
    for event in &looked.reading.kept {
        if let Kind::EvidenceKept { file, size, sha256, .. } = &event.event {
            described.insert(file, (*size, sha256, event.seq));
        }
    }
    let folder = looked.dir.file(KEPT);
    let there = fs::symlink_metadata(&folder);
    if described.is_empty() && there.is_err() {
        return;
    }
    found.check(format!("kept: {} files of evidence, each as described in the journal", described.len()), |found| {
        for (file, (size, hash, seq)) in &described {
            match looked.dir.kept(file) {
                Ok(bytes) if bytes.len() as u64 == *size && sha256(&bytes) == *hash => {}
                Ok(_) => found.differs(
                    looked.path(&format!("kept/{file}")),
                    format!("it differs from what {} says", looked.about.place(*seq)),
                ),
                Err(error) => {
                    found.differs(looked.path(&format!("kept/{file}")), format!("cannot read this file: {error}"));
                }
            }
        }
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !described.contains_key(name.as_str()) {
                found.differs(looked.path(&format!("kept/{name}")), "the journal does not describe this file");
            }
        }
    });
}
