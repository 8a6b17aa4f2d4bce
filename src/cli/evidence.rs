//! `drillmaster keygen` and `drillmaster seal`: keys, and the signed evidence of a run.

use std::path::Path;

use super::{
    Done, Failure, note, place, print,
    report_args::{KeygenArgs, SealArgs, TrustArgs},
    shown,
    verify::holding,
    verify_exercise,
};
use crate::{
    evidence::{EVIDENCE, KeyError, Private, Public, Sealed, check, keygen as make, seal as sign},
    exercise::{is_exercise, seal_exercise},
    journal::RunDir,
    model::{Exit, Secret, SecretRef},
    report,
    verdict::ReadRun,
};

pub(super) fn keygen(args: &KeygenArgs) -> Done {
    let public = make(&args.name).map_err(|e| Failure::of(Exit::Invalid, &e))?;
    let name = shown(&args.name);
    print(&format!("{}\n", public.fingerprint()));
    note(&format!(
        "wrote {name}.key (private: keep it secret) and {name}.pub (public: give it to those who verify). The line above is the fingerprint of the key"
    ));
    Ok(Exit::Passed)
}

pub(super) fn seal(args: &SealArgs) -> Done {
    let organisation = super::report::organisation_of_environment()?;
    let dir = place::dir(&args.run, place::WhichRun::Newest)?;
    let exercise = is_exercise(&dir).then(|| verify_exercise::holding(&dir)).transpose()?;
    let source = match (&args.key, &args.key_env, &args.key_command) {
        (Some(path), ..) => SecretRef::File(path.to_string_lossy().into_owned()),
        (_, Some(name), _) => SecretRef::Env(name.clone()),
        (.., Some(argv)) => SecretRef::Exec(argv.clone()),
        _ => return Err(Failure::new(Exit::Invalid, "no key is given: --key, --key-env or --key-command")),
    };
    let key = Private::read(&source, output).map_err(|e| Failure::of(Exit::Invalid, &e))?;
    if let Some(whole) = exercise {
        let public = seal_exercise(&dir, &whole, &key).map_err(|e| Failure::of(Exit::Invalid, &e))?;
        note(&format!("signed with key {}: {}", public.fingerprint(), shown(dir.file(EVIDENCE))));
        return Ok(Exit::Passed);
    }
    let reading = holding(&dir)?.reading;
    let public = sign(&dir, &reading, &key).map_err(|e| Failure::of(Exit::Invalid, &e))?;
    report::write_all(&dir, &reading, &organisation)
        .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write into {}: {e}", shown(&dir.0))))?;
    note(&format!("signed with key {}: {}", public.fingerprint(), shown(dir.file(EVIDENCE))));
    Ok(Exit::Passed)
}

/// The time limit for a program that prints a key.
const KEY_LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// What a program prints. Nothing of it is shown, because it is a key.
fn output(argv: &[String]) -> Result<Secret, String> {
    let [program, rest @ ..] = argv else { return Err("no program is given".into()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("cannot run it: {e}"))?;
    let done = runtime.block_on(async {
        let run = tokio::process::Command::new(program).args(rest).kill_on_drop(true).output();
        tokio::time::timeout(KEY_LIMIT, run).await
    });
    let done = done
        .map_err(|_| format!("it did not end within {} s", KEY_LIMIT.as_secs()))?
        .map_err(|e| format!("cannot run it: {e}"))?;
    if !done.status.success() {
        return Err(format!("it ended with {}", done.status));
    }
    String::from_utf8(done.stdout).map(Secret::new).map_err(|_| "it printed something that is not text".into())
}

/// The evidence of a run, judged by the keys that the command line names.
pub(super) fn read_evidence(dir: &RunDir, reading: &ReadRun, trust: &TrustArgs) -> Result<Sealed, Failure> {
    let trusted = trusted(trust)?;
    Ok(must_be_signed(dir, check(dir, reading, &trusted), &trusted))
}

/// The public keys that the command line names.
pub(super) fn trusted(trust: &TrustArgs) -> Result<Vec<Public>, Failure> {
    let read = |path: &Path| Public::read_all(path).map_err(|e: KeyError| Failure::of(Exit::Invalid, &e));
    let mut trusted = vec![];
    for path in [&trust.key, &trust.trust].into_iter().flatten() {
        trusted.extend(read(path)?);
    }
    Ok(trusted)
}

/// Whoever gives a key expects a signature.
pub(super) fn must_be_signed(dir: &RunDir, sealed: Sealed, trusted: &[Public]) -> Sealed {
    match sealed {
        Sealed::Unsigned if !trusted.is_empty() => Sealed::Broken(vec![(
            shown(dir.file(EVIDENCE)),
            "the directory is UNSIGNED, but a key was given that must have signed it".into(),
        )]),
        sealed => sealed,
    }
}

/// The line about the evidence.
pub(super) fn said(sealed: &Sealed) -> String {
    match sealed {
        Sealed::Unsigned => "UNSIGNED: `drillmaster seal` signs it".to_owned(),
        Sealed::Valid { key, trusted: true, files } => {
            format!("valid for key {key}, which you trust; {files} files as they were signed")
        }
        Sealed::Valid { key, trusted: false, files } => {
            format!(
                "valid for key {key}, which was not compared with a key that you trust (give one with --key or --trust); {files} files as they were signed"
            )
        }
        Sealed::Broken(_) => "does not hold".to_owned(),
    }
}
