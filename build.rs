//! Links the sample shop statically, so that `cluster up` can build an image that contains nothing else. If this is not
//! possible, the build warns, and `cluster up` asks for an image of the shop.

use std::{env, fs, path::PathBuf, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=kind-configs/shop/main.rs");
    let Some(out) = env::var_os("OUT_DIR").map(|dir| PathBuf::from(dir).join("shop")) else { return };
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
            .arg("kind-configs/shop/main.rs")
            .status()
            .is_ok_and(|status| status.success());
    if !linked {
        println!(
            "cargo::warning=the sample shop could not be linked statically: `cluster up` will need an image of it, named in a file for --images"
        );
        let _ = fs::write(&out, []);
    }
}
