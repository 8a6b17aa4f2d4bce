//! The organisation on the cover, in every format; and every mistake in its files, with the place.

use std::{fs, process::Output};

use drillmaster::model::Exit;

use super::{begin, front::Front};

/// The smallest PNG.
const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8,
    6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0x60, 0, 0, 0, 2, 0,
    1, 0xe2, 0x21, 0xbc, 0x33, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];

struct Case {
    front: Front,
    run: String,
}

impl Case {
    fn new() -> Self {
        let front = begin::front();
        let out = front.run("s.yaml", "b.yaml", &[], &[]);
        assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
        let run = drillmaster::journal::NewestRuns::below(&front.dir.path().join("runs")).newest().unwrap();
        let run = run.to_str().unwrap().to_owned();
        Self { front, run }
    }

    fn report(&self, more: &[&str]) -> Output {
        self.front.program(&[&["report"][..], more, &[&self.run]].concat(), &[])
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(format!("{}/{name}", self.run)).unwrap()
    }

    /// The message about a mistake in the organisation file.
    fn refused(&self, text: &str) -> String {
        self.front.file("o.yaml", text);
        let out = self.report(&["--organisation", "o.yaml"]);
        assert_eq!(out.status.code(), Some(Exit::Invalid.code().into()), "{text}");
        String::from_utf8(out.stderr).unwrap()
    }
}

#[test]
fn a_report_carries_its_organisation_and_every_mistake_has_its_place() {
    let case = Case::new();
    let here = case.front.dir.path();
    fs::write(here.join("logo.png"), PNG).unwrap();
    case.front.file("o.yaml", "name: ACME <b>Bank</b>\nmarking: INTERNAL\nlogo: logo.png\nlanguage: de\n");
    let out = case.report(&["--organisation", "o.yaml"]);
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let page = case.file("report.html");
    assert!(page.contains("ACME &lt;b&gt;Bank&lt;&#x2f;b&gt;") && !page.contains("<b>Bank"), "inert");
    assert!(page.contains("src=\"data:image&#x2f;png;base64,iVBOR") && page.contains("img-src data:"), "one file");
    assert!(page.contains("content: \"INTERNAL · Lauf ") && page.contains("<html lang=\"de\">"), "on each page");
    assert!(case.file("report.md").starts_with("ACME &lt;b&gt;Bank&lt;/b&gt; · INTERNAL\n"));
    assert!(case.file("report.json").contains("\"marking\": \"INTERNAL\""));
    // Made twice, it is the same.
    assert_eq!(case.report(&["--organisation", "o.yaml"]).status.code(), Some(0));
    assert!(page == case.file("report.html"));
    // Without the file, it is nobody's report again. The environment names the file for every command.
    assert_eq!(case.report(&[]).status.code(), Some(0));
    assert!(!case.file("report.html").contains("ACME"));
    let named = [("DRILLMASTER_ORGANISATION", "o.yaml")];
    let noted = case.front.program(&["report", "annotate", "seen", &case.run], &named);
    assert_eq!(noted.status.code(), Some(0), "{}", String::from_utf8_lossy(&noted.stderr));
    assert!(case.file("report.html").contains("ACME"));

    fs::write(here.join("logo.svg"), "<svg onload=\"alert(1)\"/>").unwrap();
    fs::write(here.join("large.png"), [PNG, &vec![0; 300 << 10]].concat()).unwrap();
    case.front.file("xx.yaml", "language: xx\npage_one.passed: GOOD\n");
    fs::create_dir(here.join("t")).unwrap();
    fs::write(here.join("t/report.html"), "<html>\n{% for x in %}\n").unwrap();
    fs::create_dir(here.join("u")).unwrap();
    fs::write(here.join("u/other.html"), "").unwrap();
    std::os::unix::fs::symlink("/dev/zero", here.join("zero.png")).unwrap();
    for (text, place) in [
        ("name: ''", "`name` must be one line"),
        ("nam: ACME", "this is not an organisation file"),
        ("name: \"a\\u001b[31m\"", "`name` must be one line"),
        ("{name: A, logo: logo.svg}", "logo.svg: this is not a PNG or JPEG"),
        ("{name: A, logo: large.png}", "large.png: it is larger than 256 KiB"),
        ("{name: A, logo: none.png}", "none.png: cannot read it"),
        ("{name: A, logo: zero.png}", "zero.png: cannot read it"),
        ("{name: A, language: xx.yaml}", "xx.yaml: "),
        ("{name: A, language: fr}", "`fr` is not a language of this version (en, de)"),
        ("{name: A, templates: t}", "t/report.html: line 2"),
        ("{name: A, templates: u}", "other.html: this is not a template"),
    ] {
        let said = case.refused(text);
        assert!(said.contains(place), "{text}: {said}");
    }
    let said = case.refused("{name: A, language: xx.yaml}");
    assert!(said.contains("texts are missing: `actions.action`"), "{said}");
    // A template of the organisation.
    fs::write(here.join("t/report.html"), "<p>{{ d.title }} of {{ d.cover.name }}</p>").unwrap();
    case.front.file("o.yaml", "{name: 'A & B', templates: t}");
    assert_eq!(case.report(&["--organisation", "o.yaml"]).status.code(), Some(0));
    assert_eq!(case.file("report.html"), "<p>t of A &amp; B</p>");
}

#[test]
fn the_catalogue_is_printed_as_a_language_file() {
    let front = begin::front();
    let out = front.program(&["report", "--language-keys"], &[]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.starts_with("language: en\n") && text.contains("\npage_one.passed: \"PASSED\"\n"), "{text}");
    assert!(drillmaster::report::Words::read("printed", &text).is_ok());
}
