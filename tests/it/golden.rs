//! Golden files: text that people read, kept unchanged until somebody changes it on purpose.
//! `UPDATE_GOLDEN=1 cargo test` writes them again.

use std::{fs, path::Path};

pub fn check(name: &str, text: &str) {
    check_at(&format!("tests/golden/{name}"), text);
}

/// Compares any file of the repository in the same way.
pub fn check_at(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == wanted,
        "{name} differs from the golden file. To accept the new text, run `UPDATE_GOLDEN=1 cargo test`:\n{text}"
    );
}
