//! The signed evidence of an exercise. The journal may go on after the signature with actions and erasures, so the
//! manifest has the hash of its first bytes. Start with [`seal`], then [`check_seal`].

use std::io::{self, Read};

use super::{
    checked::Whole,
    contents::{Contents, content, segments},
    judge::judge,
    state::ExercisePhase,
    verdict::{Came, Verdict},
    what::Line,
};
use crate::{
    evidence::{
        EVIDENCE, Entry, ExerciseFacts, Manifest, Private, Public, SealError, Sealed, check_exercise, seal_exercise,
        sum,
    },
    journal::RunDir,
};

/// Signs a closed exercise, and returns the public key. The caller has checked the directory.
///
/// # Errors
/// It is a rehearsal, is not closed, or a file cannot be read or written.
pub fn seal(dir: &RunDir, whole: &Whole, key: &Private) -> Result<Public, SealError> {
    let state = &whole.known.state;
    if state.is_rehearsal() {
        return Err(SealError::Rehearsal);
    }
    if state.phase != ExercisePhase::Closed {
        return Err(SealError::NotClosed);
    }
    let contents = Contents::of(&whole.lines.lines);
    let mut files = vec![];
    for (_, name) in segments(dir)? {
        files.push(entry(dir, &name)?);
    }
    for named in &contents.files {
        let entry = entry(dir, &named.name)?;
        if entry.sha256 != named.sha256 {
            return Err(SealError::Differs(format!("{} is not the file that the journal names", named.name)));
        }
        files.push(entry);
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let manifest = Manifest::with(&state.exercise, &whole.lines.head, files, contents.drills, contents.missing);
    seal_exercise(dir, &manifest, &facts(whole), &|name| content(dir, name), key)
}

fn entry(dir: &RunDir, name: &str) -> io::Result<Entry> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("{name}: {e}"));
    let (size, sha256) = content(dir, name).and_then(sum).map_err(named)?;
    Ok(Entry { name: name.to_owned(), size, sha256 })
}

fn facts(whole: &Whole) -> ExerciseFacts {
    let (playbook, state) = (&whole.known.loaded.playbook, &whole.known.state);
    let verdict = Verdict::of(playbook, state);
    let came = |wanted: Came| {
        let all = playbook.objectives.iter().filter(|o| Came::of(o, &judge(playbook, state, o)) == wanted);
        all.map(|o| o.id.clone()).collect()
    };
    ExerciseFacts {
        passed: verdict == Verdict::Passed,
        verdict: verdict.words().to_owned(),
        playbook: (playbook.metadata.name.clone(), state.playbook_hash.clone()),
        authorised: state.authorised.as_ref().map(|(_, _, hash)| hash.clone()).unwrap_or_default(),
        tool: state.tool.clone(),
        met: came(Came::Met),
        missed: came(Came::Missed),
        open: came(Came::Open),
        dropped: came(Came::Dropped),
    }
}

/// Checks the signed evidence of an exercise.
pub fn check_seal(dir: &RunDir, whole: &Whole, trusted: &[Public]) -> Sealed {
    check_exercise(dir, trusted, &|manifest| compared(dir, whole, manifest))
}

/// What differs from the manifest: the place, and how.
fn compared(dir: &RunDir, whole: &Whole, manifest: &Manifest) -> Vec<(String, String)> {
    let place = dir.file(EVIDENCE).join("manifest.json").display().to_string();
    let mut wrong = vec![];
    if manifest.run != whole.known.state.exercise {
        wrong.push((place.clone(), "it belongs to another exercise".to_owned()));
    }
    let Some(signed) = whole.lines.upto(&manifest.head) else {
        wrong.push((place, "the journal has no line with the hash that was signed: it was changed".to_owned()));
        return wrong;
    };
    let (before, after) = whole.lines.lines.split_at(signed);
    if let Some(line) = after.iter().find(|line| !line.event.may_follow_the_end()) {
        let what = format!("line {} came after the signature and changes what was signed", line.seq + 1);
        wrong.push((dir.journal().display().to_string(), what));
    }
    wrong.extend(listed(dir, before, manifest).into_iter().map(|what| (place.clone(), what)));
    for entry in &manifest.files {
        let start = content(dir, &entry.name).and_then(|file| sum(file.take(entry.size)));
        let whole = || content(dir, &entry.name).and_then(sum);
        let what = match start {
            Err(error) => format!("cannot read this file: {error}"),
            Ok((size, sha256)) if size != entry.size || sha256 != entry.sha256 => "it differs from the manifest".into(),
            // Only the journal may go on.
            Ok(_) if is_journal(&entry.name) => continue,
            Ok(_) => match whole() {
                Ok((size, _)) if size == entry.size => continue,
                _ => "it differs from the manifest".into(),
            },
        };
        wrong.push((dir.file(&entry.name).display().to_string(), what));
    }
    wrong
}

/// Whether the manifest lists what the signed lines name: no more, and no less.
fn listed(dir: &RunDir, signed: &[Line], manifest: &Manifest) -> Vec<String> {
    let contents = Contents::of(signed);
    let mut wrong = vec![];
    let has = |name: &str| manifest.files.iter().any(|entry| entry.name == name);
    for named in contents.files.iter().filter(|named| !has(&named.name)) {
        wrong.push(format!("it does not list {}", named.name));
    }
    let segments = segments(dir).unwrap_or_default();
    for (number, name) in &segments {
        if !has(name) && signed.iter().any(|line| line.epoch == *number) {
            wrong.push(format!("it does not list {name}, which has lines from before the signature"));
        }
    }
    let known = |name: &str| {
        contents.files.iter().any(|named| named.name == name) || segments.iter().any(|(_, known)| known == name)
    };
    for entry in manifest.files.iter().filter(|entry| !known(&entry.name)) {
        wrong.push(format!("it lists {}, which the journal does not name", entry.name));
    }
    if manifest.drills != contents.drills {
        wrong.push("it names other drills than the journal".to_owned());
    }
    wrong
}

fn is_journal(name: &str) -> bool {
    name.starts_with("journal.") && name.ends_with(".jsonl")
}
