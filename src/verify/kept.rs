//! The evidence that a run kept beside its journal: each file is as the journal describes it. A session that died may
//! have written a file and not its line.

use std::{collections::BTreeMap, fs, io};

use super::{directory::RunFiles, found::Differences};
use crate::{event::Kind, journal::KEPT, model::sha256};

pub(super) fn check(looked: &RunFiles<'_>, found: &mut Differences) {
    let mut described: BTreeMap<&str, (u64, &str, u64)> = BTreeMap::new();
    for event in &looked.reading.kept {
        if let Kind::EvidenceKept { file, size, sha256, .. } = &event.event {
            described.insert(file, (*size, sha256, event.seq));
        }
    }
    if described.is_empty() && fs::symlink_metadata(looked.dir.file(KEPT)).is_err() {
        return;
    }
    let others = others(looked, &described);
    let mut name = format!("kept: {} files of evidence, each as described in the journal", described.len());
    if let Ok(others) = &others
        && !others.is_empty()
    {
        name += &format!("; a session that did not end left {}", others.join(", "));
    }
    found.check(name, |found| {
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
        match others {
            Ok(_) if looked.may_lack_lines() => {}
            Ok(others) => {
                for name in others {
                    found.differs(looked.path(&format!("kept/{name}")), "the journal does not describe this file");
                }
            }
            Err(error) => found.differs(looked.path(KEPT), format!("cannot read this directory: {error}")),
        }
    });
}

/// The files that the journal does not describe.
fn others(looked: &RunFiles<'_>, described: &BTreeMap<&str, (u64, &str, u64)>) -> io::Result<Vec<String>> {
    let mut names = vec![];
    for entry in fs::read_dir(looked.dir.file(KEPT))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !described.contains_key(name.as_str()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
