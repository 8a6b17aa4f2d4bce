//! The report of an exercise as PDF, of which an erased name must be gone too.

use std::fs;

use super::Desk;

/// A program without PDF cannot write the file again, so it removes it.
#[cfg(not(feature = "pdf"))]
#[test]
fn a_pdf_that_cannot_be_written_again_is_removed() {
    let desk = Desk::new();
    let dir = desk.started();
    let file = desk.path(&format!("{dir}/report.pdf"));
    fs::write(&file, "Pia Player").unwrap();
    let (code, _, messages) = desk.run(&["exercise", "erase", &dir, "Pia Player"]);
    assert_eq!(code, 0, "{messages}");
    assert!(messages.contains("report.pdf, which was out of date") && !file.exists(), "{messages}");
}

#[cfg(feature = "pdf")]
#[test]
fn it_says_rehearsal_on_each_page_and_an_erased_name_is_gone() {
    let desk = Desk::new();
    let dir = desk.prepared("tabletop");
    desk.run(&["exercise", "start", &dir, "--unattended", "defaults"]);
    let file = desk.path(&format!("{dir}/report.pdf"));
    let text = || {
        let out = std::process::Command::new("pdftotext").arg(&file).arg("-").output();
        let out = out.unwrap_or_else(|e| panic!("pdftotext of poppler-utils is needed: {e}"));
        String::from_utf8(out.stdout).unwrap()
    };
    desk.good(&["exercise", "report", &dir, "--format", "pdf"]);
    let before = text();
    assert!(before.contains("Pia Player"), "{before}");
    for (i, page) in before.split_terminator('\u{c}').enumerate() {
        assert!(page.contains("REHEARSAL") && page.contains(&format!("page {}", i + 1)), "{page}");
    }
    let first = fs::read(&file).unwrap();
    desk.good(&["exercise", "report", &dir, "--format", "pdf"]);
    assert!(first == fs::read(&file).unwrap(), "made twice, it differs");
    desk.good(&["exercise", "erase", &dir, "Pia Player"]);
    assert!(!text().contains("Pia"), "{}", text());
}
