//! Reports and papers as PDF. Most of these tests need the feature: `cargo test --features pdf --test it pdf::`, and
//! `pdftotext` and `pdfinfo` of poppler-utils.

use std::{fs, path::PathBuf, process::Command};

/// A folder in which the program runs.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The exit code and the messages.
    fn run(&self, args: &str) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
        let out =
            command.current_dir(self.0.path()).env("NO_COLOR", "1").args(args.split_whitespace()).output().unwrap();
        (out.status.code().unwrap(), String::from_utf8(out.stderr).unwrap())
    }

    fn good(&self, args: &str) {
        let (code, messages) = self.run(args);
        assert_eq!(code, 0, "{args}\n{messages}");
    }
}

const RUN: &str = "runs/zone-outage-small-shop-seed-1";

#[cfg(not(feature = "pdf"))]
#[test]
fn without_the_feature_pdf_is_an_error_that_says_what_to_do() {
    let desk = Desk::new();
    desk.good("rehearse -q");
    let before = fs::read(desk.path(RUN).join("report.html")).unwrap();
    for command in [
        format!("report --format pdf {RUN}"),
        "playbook render tabletop --for all --format pdf".to_owned(),
        "exercise report exercises/x --format pdf".to_owned(),
    ] {
        let (code, messages) = desk.run(&command);
        assert_eq!(code, 2, "{command}\n{messages}");
        assert!(messages.contains("--features pdf") && messages.contains("print the HTML"), "{messages}");
    }
    assert!(!desk.path(RUN).join("report.pdf").exists() && !desk.path("papers").exists());
    // One format alone leaves the others as they are.
    fs::remove_file(desk.path(RUN).join("report.md")).unwrap();
    desk.good(&format!("report --format html {RUN}"));
    assert_eq!(fs::read(desk.path(RUN).join("report.html")).unwrap(), before);
    assert!(!desk.path(RUN).join("report.md").exists());
    // A PDF of another drillmaster would say less than the other reports from now on.
    fs::write(desk.path(RUN).join("report.pdf"), "").unwrap();
    let (code, messages) = desk.run(&format!("report annotate seen {RUN}"));
    assert_eq!(code, 2, "{messages}");
    assert!(messages.contains("report.pdf was not written again and is out of date"), "{messages}");
}

#[cfg(feature = "pdf")]
mod built {
    use std::path::Path;

    use drillmaster::{
        event::Event,
        report::{Beside, Document, document, pdf, story_of_events},
        verdict::ReadRun,
    };
    use jiff::Timestamp;

    use super::{
        super::{
            document::{EVIL, noted, old, pieces, rehearsed, spaced},
            reports::{ended, outage},
        },
        *,
    };

    fn made(events: &[Event], beside: &Beside) -> (Document, Vec<u8>) {
        let story = story_of_events(events);
        let written = document(&story, &ReadRun::of(events), beside);
        let at: Timestamp = story.ended.parse().unwrap();
        let bytes = pdf(&written, Some(at)).unwrap_or_else(|e| panic!("{e}"));
        (written, bytes)
    }

    /// What a program of poppler-utils says about a PDF.
    fn poppler(program: &str, args: &[&str], file: &Path) -> String {
        let out = Command::new(program).args(args).arg(file).args((program == "pdftotext").then_some("-")).output();
        let out = out.unwrap_or_else(|e| panic!("{program} of poppler-utils is needed: {e}"));
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// The text of each page, in the order in which the page draws it.
    fn pages(bytes: &[u8]) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let text = poppler("pdftotext", &["-raw", "-enc", "UTF-8"], file.path());
        text.split_terminator('\u{c}').map(str::to_owned).collect()
    }

    /// The text of the pages without spaces and without what stands at their foot.
    fn content(pages: &[String], document: &Document) -> String {
        let foot = [document.mark.as_str(), &format!("run {}", document.run)];
        let foot = spaced(&foot.into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(" · "));
        let mut all = String::new();
        for (i, page) in pages.iter().enumerate() {
            let page = spaced(page);
            let foot = [format!("{foot}page{}", i + 1), format!("{foot}annex,page{}", i + 1)];
            let foot = foot.iter().find(|foot| page.contains(*foot));
            let foot = foot.unwrap_or_else(|| panic!("page {} has no run, mark and number: {page}", i + 1));
            all += &page.replacen(foot, "", 1);
        }
        all
    }

    /// Every text of every section is there, in the order of the document. A page may repeat the head of a table.
    fn says_the_same(name: &str, events: &[Event], beside: &Beside) {
        let (document, bytes) = made(events, beside);
        let text = content(&pages(&bytes), &document);
        let mut rest = text.as_str();
        for section in document.sections() {
            for piece in pieces(section) {
                let wanted = spaced(&piece);
                let at = rest.find(&wanted);
                let at = at.unwrap_or_else(|| panic!("{name}, {:?}: `{piece}` is not in:\n{rest}", section.key));
                rest = &rest[at + wanted.len()..];
            }
        }
    }

    #[test]
    fn it_says_what_the_document_says_section_by_section_and_each_page_says_whose_it_is() {
        says_the_same("good", &ended(outage("")), &Beside::default());
        for name in ["fail", "taken-over"] {
            says_the_same(name, &old(name), &Beside::default());
        }
        says_the_same("rehearsal", &rehearsed("zone-loss-and-restore", "small-shop"), &Beside::default());
        let events = ended(outage(""));
        says_the_same("cut", &events[..events.len() / 2], &Beside::default());
    }

    /// Each text appears as it was written: nothing of it was run.
    #[test]
    fn hostile_text_is_inert() {
        for evil in EVIL {
            says_the_same(evil, &ended(outage(evil)), &noted(evil));
        }
        // No font of the program has these characters.
        let (_, bytes) = made(&ended(outage("\u{4e2d}\u{1f600} e\u{301}")), &Beside::default());
        assert!(spaced(&pages(&bytes).concat()).contains("[U+4E2D][U+1F600]e[U+0301]"));
    }

    #[test]
    fn the_same_journal_gives_the_same_bytes_and_the_time_of_its_end() {
        let desk = Desk::new();
        desk.good("rehearse -q");
        desk.good(&format!("report --format pdf {RUN}"));
        let file = desk.path(RUN).join("report.pdf");
        let first = fs::read(&file).unwrap();
        desk.good(&format!("report --format pdf {RUN}"));
        assert!(first == fs::read(&file).unwrap(), "made twice, it differs");
        let info = poppler("pdfinfo", &["-isodates"], &file);
        let journal = fs::read_to_string(desk.path(RUN).join("journal.jsonl")).unwrap();
        let last: serde_json::Value = serde_json::from_str(journal.lines().next_back().unwrap()).unwrap();
        let at = &last["at"].as_str().unwrap()[..19];
        for line in [format!("CreationDate:    {at}"), "Tagged:          yes".into()] {
            assert!(info.contains(&line), "{line}\n{info}");
        }
        let title = info.lines().find(|line| line.starts_with("Title:")).unwrap();
        assert!(title.contains("REHEARSAL: "), "{title}");
        let about = String::from_utf8_lossy(&first);
        assert!(
            about.contains("<pdfaid:part>2</pdfaid:part>")
                && about.contains("<pdfaid:conformance>A</pdfaid:conformance>")
        );
        assert!(about.contains("/Lang"), "the language of the document");
        assert!(pages(&first).iter().all(|page| page.contains("REHEARSAL")), "on each page");
        // Notes change every format that exists.
        desk.good(&format!("report annotate seen {RUN}"));
        assert!(first != fs::read(&file).unwrap(), "the note is missing");
    }

    #[test]
    fn papers_are_pdf_with_and_without_a_date() {
        let desk = Desk::new();
        for (at, folder) in [("", "without"), ("--at 2026-12-03T09:00:00Z", "with")] {
            desk.good(&format!("playbook render annual-dr-exercise --for all --format pdf --out {folder} {at}"));
            for paper in
                ["players/hand-out", "controllers/run-sheet", "controllers/handbook", "evaluators/evaluation-guide"]
            {
                let bytes = fs::read(desk.path(&format!("{folder}/{paper}.pdf"))).unwrap();
                let pages = pages(&bytes);
                for (i, page) in pages.iter().enumerate() {
                    assert!(spaced(page).contains(&format!("page{}", i + 1)), "{paper}: {page}");
                    assert!(page.contains("annual-dr-exercise"), "{paper}: {page}");
                }
            }
        }
    }
}
