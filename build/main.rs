//! Prepares two things for the program: the sample shop, linked statically, so that `cluster up` can build an image that
//! contains nothing else; and the commit and the time of the build, for `drillmaster version`.

#![expect(clippy::print_stdout, reason = "a build script talks to cargo on standard output")]

mod commit;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

fn main() {
    shop();
    version();
}

fn version() {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    for part in commit::PARTS {
        println!("cargo::rerun-if-changed={part}");
    }
    for path in commit::moves_with(&folder) {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rustc-env=DRILLMASTER_COMMIT={}", commit::commit(&folder));
    println!("cargo::rustc-env=DRILLMASTER_BUILT={}", built());
}

/// The time of the build. SOURCE_DATE_EPOCH replaces it, so that two builds of one source can be equal.
fn built() -> String {
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let seconds = match env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text.parse().ok(),
        #[expect(clippy::disallowed_methods, reason = "the time of the build is what is wanted")]
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs()),
    };
    let Some(seconds) = seconds.filter(|seconds| *seconds < 253_402_300_800) else {
        println!("cargo::error=SOURCE_DATE_EPOCH must be a number of seconds since 1970");
        return "unknown".to_owned();
    };
    let (year, month, day) = date(seconds / 86400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The date of a day, counted from 1970-01-01. A crate for this would be compiled a second time, for the build script.
fn date(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

/// Links the sample shop. If this is not possible, the build warns, and `cluster up` asks for an image of the shop.
fn shop() {
    const SOURCE: &str = "kind-configs/shop/main.rs";
    let Some(out) = env::var_os("OUT_DIR").map(|dir| PathBuf::from(dir).join("shop")) else { return };
    // This script runs whenever a file of the program changes.
    if is_newer(&out, Path::new(SOURCE)) {
        return;
    }
    let linux = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let target = env::var("TARGET").unwrap_or_default();
    #[expect(clippy::disallowed_methods, reason = "a build script does not use `world`")]
    let linked = linux
        && Command::new(compiler)
            .args([
                "--edition=2024",
                "-Copt-level=s",
                "-Cpanic=abort",
                "-Cstrip=symbols",
                "-Ctarget-feature=+crt-static",
            ])
            .args(["--target", &target, "-o"])
            .arg(&out)
            .arg(SOURCE)
            .status()
            .is_ok_and(|status| status.success());
    if !linked {
        println!(
            "cargo::warning=the sample shop could not be linked statically: `cluster up` will need an image of it, named in a file for --images"
        );
        let _ = fs::write(&out, []);
    }
}

/// Whether the shop was linked after its source was changed. An empty file means that it could not be linked.
fn is_newer(out: &Path, source: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified());
    let linked = fs::metadata(out).is_ok_and(|file| file.len() > 0);
    linked && matches!((changed(out), changed(source)), (Ok(out), Ok(source)) if out > source)
}
