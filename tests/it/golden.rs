//! Golden files: what a person reads, kept as it is until somebody means to
//! change it. `UPDATE_GOLDEN=1 cargo test` writes them anew.

use std::{fs, path::Path};

pub fn check(name: &str, text: &str) {
    check_at(&format!("tests/golden/{name}"), text);
}

/// The same of any file of the repository.
pub fn check_at(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == wanted, "{name} is not as before; `UPDATE_GOLDEN=1 cargo test` accepts this:\n{text}");
}
