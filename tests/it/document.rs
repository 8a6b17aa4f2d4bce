//! The report as a document: every format says the same, page one rests on named events, nothing is invented.

use std::collections::{BTreeMap, BTreeSet};

use drillmaster::{
    event::{Event, Kind},
    journal::{RunDir, read},
    model::{Change, Judgement, Outcome, Remedy, State},
    report::{
        self, Before, Beside, Block, Document, Field, Key, Known, List, Note, Rest, Section, Table, Text, Tone,
        document, html, json, markdown, story_of_events,
    },
    verdict::ReadRun,
};
use pulldown_cmark::{Event as Mark, HeadingLevel, Options, Parser, Tag, TagEnd};
use quick_xml::{events::Event as Xml, reader::Reader};
use serde_json::Value;

use super::{
    rehearsal::{Rehearsal, cluster, on_paused_time, scenario},
    reports::{ended, outage},
};

fn plain(events: &[Event]) -> Document {
    document(&story_of_events(events), &ReadRun::of(events), &Beside::default())
}

/// The words of a text in the order in which every format shows them.
fn text(out: &mut Vec<String>, t: &Text) {
    out.push(t.said.clone());
    out.extend(t.refs.iter().map(|r| format!("[{}]", r.0)));
}

fn table(out: &mut Vec<String>, t: &Table) {
    out.push(t.title.clone());
    if !t.rows.is_empty() {
        out.extend(t.head.clone());
    }
    t.rows.iter().flat_map(|row| &row.cells).for_each(|cell| text(out, cell));
    out.push(t.note.clone());
}

fn list(out: &mut Vec<String>, l: &List) {
    out.push(l.title.clone());
    l.items.iter().for_each(|item| text(out, item));
    out.push(l.note.clone());
}

/// The texts of a section, in the order in which every format shows them.
pub fn pieces(section: &Section) -> Vec<String> {
    let mut all = vec![section.title.clone()];
    let out = &mut all;
    for block in &section.blocks {
        match block {
            Block::Verdict(v) => {
                text(out, &v.badge);
                text(out, &v.sentence);
                v.notes.iter().for_each(|note| text(out, note));
            }
            Block::Paragraph(said) => text(out, said),
            Block::List(l) => list(out, l),
            Block::Pair { left, right } => [left, right].into_iter().for_each(|l| list(out, l)),
            Block::Table(t) => table(out, t),
            Block::Figure(f) => {
                out.push(f.title.clone());
                table(out, &f.table);
            }
            Block::Card(c) => {
                out.push(c.id.0.clone());
                text(out, &c.title);
                c.facts.iter().flat_map(|row| &row.cells).for_each(|cell| text(out, cell));
            }
            Block::Commands(c) => {
                out.push(c.title.clone());
                out.extend(c.lines.clone());
            }
        }
    }
    all
}

fn words(section: &Section) -> String {
    spaced(&pieces(section).join(" "))
}

/// Formats may break lines where they like, and show what is not printable in their own way.
pub fn spaced(text: &str) -> String {
    let shown: String = text.chars().filter(|c| drillmaster::model::is_printable(*c) && *c != '\u{fffd}').collect();
    shown.split_whitespace().collect::<String>()
}

/// The text of each section of the HTML file, and every id and every link in it. The reader is strict: a tag that does
/// not fit is an error.
fn of_html(html: &str) -> (BTreeMap<String, String>, BTreeSet<String>, BTreeSet<String>) {
    let mut reader = Reader::from_str(html);
    let (mut sections, mut ids, mut links) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    let (mut key, mut pictures) = (None::<String>, 0);
    loop {
        match reader.read_event().unwrap_or_else(|e| panic!("{e}\n{html}")) {
            Xml::Eof => break,
            Xml::Start(tag) => {
                let value = |name: &str| {
                    let found = tag.attributes().map(|a| a.unwrap()).find(|a| a.key.as_ref() == name.as_bytes())?;
                    Some(String::from_utf8(found.value.to_vec()).unwrap())
                };
                ids.extend(value("id").map(|id| assert_new(&ids, id)));
                links.extend(value("href"));
                match tag.name().as_ref() {
                    b"section" => key = value("data-key"),
                    b"svg" => pictures += 1,
                    _ => {}
                }
            }
            Xml::End(tag) => match tag.name().as_ref() {
                b"section" => key = None,
                b"svg" => pictures -= 1,
                _ => {}
            },
            Xml::Text(text) if pictures == 0 => {
                if let Some(key) = &key {
                    sections.entry(key.clone()).or_insert_with(String::new).push_str(&text.decode().unwrap());
                }
            }
            Xml::GeneralRef(reference) if pictures == 0 => {
                if let Some(key) = &key {
                    let named = reference.decode().unwrap();
                    let char = reference.resolve_char_ref().unwrap();
                    let shown = char.map(String::from).unwrap_or_else(|| match &*named {
                        "amp" => "&".into(),
                        "lt" => "<".into(),
                        "gt" => ">".into(),
                        "quot" => "\"".into(),
                        "apos" => "'".into(),
                        other => panic!("&{other};"),
                    });
                    sections.entry(key.clone()).or_insert_with(String::new).push_str(&shown);
                }
            }
            _ => {}
        }
    }
    (sections.into_iter().map(|(k, v)| (k, spaced(&v))).collect(), ids, links)
}

fn assert_new(ids: &BTreeSet<String>, id: String) -> String {
    assert!(!ids.contains(&id), "two elements have the id {id}");
    id
}

/// The text of each section of the Markdown file, by its heading.
fn of_markdown(markdown: &str) -> Vec<String> {
    let mut sections: Vec<String> = vec![];
    let mut inside = false;
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Mark::Start(Tag::Heading { level: HeadingLevel::H3, .. }) => {
                sections.push(String::new());
                inside = true;
            }
            Mark::Start(Tag::Heading { level: HeadingLevel::H2, .. }) => inside = false,
            Mark::End(TagEnd::Heading(HeadingLevel::H2)) => {}
            Mark::Text(text) | Mark::Code(text) if inside => sections.last_mut().unwrap().push_str(&text),
            Mark::SoftBreak | Mark::HardBreak if inside => sections.last_mut().unwrap().push(' '),
            Mark::Html(html) | Mark::InlineHtml(html) => panic!("HTML in Markdown: {html}"),
            Mark::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => panic!("a link to {dest_url}"),
            _ => {}
        }
    }
    sections.iter().map(|s| spaced(s)).collect()
}

fn same_everywhere(name: &str, events: &[Event], beside: &Beside) {
    let story = story_of_events(events);
    let written = document(&story, &ReadRun::of(events), beside);
    let page = html(&written);
    let (in_html, ids, links) = of_html(&page);
    let in_markdown = of_markdown(&markdown(&written));
    let sections: Vec<&Section> = written.sections().collect();
    assert_eq!(in_markdown.len(), sections.len(), "{name}");
    for (section, in_markdown) in sections.iter().zip(&in_markdown) {
        let (wanted, key) = (words(section), serde_json::to_value(section.key).unwrap());
        let key = key.as_str().unwrap();
        assert_eq!(in_html[key], wanted, "{name}: HTML, section {key}");
        // Commands are a block of code, in which three backquotes cannot stand.
        assert_eq!(*in_markdown, wanted, "{name}: Markdown, section {key}");
    }
    let read: Value = serde_json::from_str(&json(&story, &written)).unwrap();
    let read: Document = serde_json::from_value(read["document"].clone()).unwrap();
    assert_eq!(read, written, "{name}: JSON");
    for link in links {
        let id = link.strip_prefix('#').unwrap_or_else(|| panic!("{name}: a link out of the report: {link}"));
        assert!(ids.contains(id), "{name}: nothing has the id {id}");
    }
}

pub fn rehearsed(name: &str, on: &str) -> Vec<Event> {
    let shop = cluster(on);
    let loaded = scenario(name, &shop);
    on_paused_time(async { Rehearsal::set(&shop, 1).await.drill(&loaded, None).await }).events
}

pub fn old(name: &str) -> Vec<Event> {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/runs-0.1.0").join(name);
    read(&RunDir(dir)).unwrap().events
}

#[test]
fn every_format_says_the_same_section_by_section() {
    same_everywhere("good", &ended(outage("")), &Beside::default());
    for name in ["pass", "fail", "taken-over"] {
        same_everywhere(name, &old(name), &Beside::default());
    }
    same_everywhere("rehearsal", &rehearsed("zone-loss-and-restore", "small-shop"), &Beside::default());
    // An honest partial report of a run that died, wherever it died.
    let events = ended(outage(""));
    for cut in (1..events.len()).step_by(7) {
        same_everywhere(&format!("cut after {cut}"), &events[..cut], &Beside::default());
    }
    same_everywhere("empty", &[], &Beside::default());
}

/// Texts that try to leave their place in one of the formats.
pub const EVIL: [&str; 6] = [
    "<script>alert(1)</script>\u{1b}[2J|`rm`\n# heading \"'&",
    "- item\n\n1. one\n> quote\n    code\n***\n---",
    "[a](javascript:alert(1)) ![b](http://evil/x.png) https://evil @team $x$ ~~s~~ __u__ _e_ <b>&lt;",
    "</style></title><svg onload=alert(1)>{{ 7*7 }}{% for %}\\\\|\\",
    "\u{202e}gnp.exe \u{200b}\u{feff}",
    "#read(\"/etc/passwd\") #panic(1) = a *b* _c_ $x$ @d <e> // f /* g */ \\u{41} #include \"x.typ\"",
];

#[test]
fn hostile_text_is_inert_and_the_same_in_every_format() {
    for evil in EVIL {
        same_everywhere(evil, &ended(outage(evil)), &noted(evil));
    }
}

/// Notes with a hostile text.
pub fn noted(evil: &str) -> Beside {
    let note = Note {
        at: jiff::Timestamp::UNIX_EPOCH,
        by: evil.into(),
        known: Known::Asserted,
        field: Field::Owner,
        of: "A1".into(),
        text: evil.into(),
    };
    let notes = vec![note.clone(), Note { field: Field::Observation, of: String::new(), ..note }];
    Beside { notes, ..Beside::default() }
}

#[test]
fn every_report_has_the_17_sections_and_its_annex_once() {
    use Key::*;
    let all = [
        Identification,
        Authorisation,
        Scope,
        Objectives,
        Preconditions,
        Summary,
        Timeline,
        Measurements,
        Verdicts,
        ReturnToNormal,
        Deviations,
        Findings,
        Actions,
        PlanUpdates,
        Controls,
        SignOff,
        Evidence,
        Annex,
    ];
    for events in [ended(outage("")), old("fail"), vec![]] {
        let written = plain(&events);
        let keys: Vec<Key> = written.sections().map(|s| s.key).collect();
        assert_eq!(keys.len(), all.len());
        assert!(all.iter().all(|key| keys.contains(key)), "{keys:?}");
        assert_eq!(keys[0], Summary, "page one comes first");
        let empty: Vec<&Section> = written.sections().filter(|s| s.blocks.is_empty()).collect();
        assert!(empty.is_empty(), "{empty:?}");
    }
}

/// The lines of page one that name what they rest on.
fn lines(written: &Document) -> Vec<Text> {
    let section = written.section(Key::Summary).unwrap();
    let mut all = vec![];
    for block in &section.blocks {
        match block {
            Block::Verdict(v) => {
                all.push(v.sentence.clone());
                all.extend(v.notes.clone());
            }
            Block::Pair { left, right } => all.extend([left, right].into_iter().flat_map(|l| l.items.clone())),
            Block::Table(t) => all.extend(t.rows.iter().flat_map(|r| r.cells.clone())),
            _ => {}
        }
    }
    all.into_iter().filter(|line| !line.rests.is_empty()).collect()
}

fn rests_on(line: &Text, event: &Event) -> bool {
    line.rests.iter().any(|rest| match rest {
        Rest::Event(seq) => *seq == event.seq,
        Rest::Every(kind) => *kind == event.event.name(),
    })
}

/// Each line of page one names its events. Without those, it disappears or changes. Without any other, it stays.
fn names_what_it_rests_on(events: &[Event]) {
    let all = lines(&plain(events));
    assert!(all.len() >= 3, "{all:?}");
    for line in &all {
        let without: Vec<Event> = events.iter().filter(|e| !rests_on(line, e)).cloned().collect();
        assert!(without.len() < events.len(), "rests on nothing: {line:?}");
        let left = lines(&plain(&without));
        assert!(!left.iter().any(|l| l.said == line.said && l.refs == line.refs), "{line:?} stays without its events");
    }
    for i in 0..events.len() {
        let mut without = events.to_vec();
        let gone = without.remove(i);
        let left = lines(&plain(&without));
        for line in all.iter().filter(|line| !rests_on(line, &gone)) {
            assert!(left.iter().any(|l| l.said == line.said), "{line:?} does not name {gone:?}");
        }
    }
}

#[test]
fn each_line_of_page_one_names_the_events_that_it_rests_on() {
    names_what_it_rests_on(&ended(outage("")));
    let mut bad = outage("");
    bad.0.retain(|e| !matches!(&e.event, Kind::AlertSeen { source, .. } if source.starts_with("alertmanager")));
    names_what_it_rests_on(&ended(bad));
}

/// Words that praise, or that claim more than a drill can show.
const PRAISE: [&str; 14] = [
    "robust",
    "excellent",
    "successful",
    "resilient",
    "compliant",
    "compliance",
    "great",
    "outstanding",
    "impressive",
    "best-in-class",
    "seamless",
    "flawless",
    "perfect",
    "world-class",
];

#[test]
fn page_one_does_not_praise_and_is_short() {
    let runs = [
        ended(outage("")),
        old("pass"),
        old("fail"),
        old("taken-over"),
        rehearsed("zone-outage", "small-shop"),
        rehearsed("zone-loss-and-restore", "small-shop"),
        vec![],
    ];
    for events in runs {
        let written = plain(&events);
        let page = markdown(&written).to_lowercase();
        for word in PRAISE {
            // `every step is successful` is an expectation, and not a judgement of ours.
            let said = page.replace("every step is successful", "");
            assert!(!said.contains(word), "{word}");
        }
        let Block::Verdict(v) = &written.section(Key::Summary).unwrap().blocks[0] else { panic!("no verdict") };
        let count = v.sentence.said.split_whitespace().count();
        assert!(count <= 25, "{count} words: {}", v.sentence.said);
        let blank = written.sections().flat_map(|s| &s.blocks).filter_map(|b| match b {
            Block::Table(t) if s_is_page_one(t) => Some(t),
            _ => None,
        });
        for cell in blank.flat_map(|t| &t.rows).flat_map(|r| &r.cells) {
            assert!(!cell.said.trim().is_empty(), "a blank cell");
        }
    }
}

fn s_is_page_one(table: &Table) -> bool {
    table.head.iter().any(|h| h.contains("worst case") || h == "Owner")
}

#[test]
fn a_rehearsal_is_evidence_for_no_control_and_says_so_on_each_page() {
    let written = plain(&rehearsed("zone-outage", "small-shop"));
    assert!(words(written.section(Key::Controls).unwrap()).contains("arehearsalisnotevidenceforanycontrol"));
    let Block::Verdict(v) = &written.section(Key::Summary).unwrap().blocks[0] else { panic!("no verdict") };
    assert!(v.badge.said.starts_with("REHEARSAL ") && v.sentence.said.starts_with("Predicted: "), "{v:?}");
    assert!(html(&written).contains("@bottom-left { content: \"REHEARSAL, NOTHING REAL WAS TESTED · run "));
    let real = plain(&ended(outage("")));
    let controls = words(real.section(Key::Controls).unwrap());
    assert!(controls.contains("A1.2") && controls.contains("CP-4"), "{controls}");
    assert!(!html(&real).contains("REHEARSAL"));
}

#[test]
fn no_owner_no_date_and_no_signature_is_invented() {
    let mut bad = outage("");
    bad.0.retain(|e| !matches!(&e.event, Kind::AlertSeen { source, .. } if source.starts_with("alertmanager")));
    let events = ended(bad);
    let said = words(plain(&events).section(Key::Summary).unwrap());
    assert!(said.contains("UNSIGNED") && said.contains("noowneryet") && said.contains("noneyet"), "{said}");
    let note = |field, text: &str| Note {
        at: jiff::Timestamp::UNIX_EPOCH,
        by: "jane".into(),
        known: Known::Account,
        field,
        of: "A1".into(),
        text: text.into(),
    };
    let notes = vec![note(Field::Owner, "team-a"), note(Field::Due, "2027-01-31"), note(Field::Owner, "team-b")];
    let written = document(&story_of_events(&events), &ReadRun::of(&events), &Beside { notes, ..Beside::default() });
    let actions = words(written.section(Key::Actions).unwrap());
    assert!(actions.contains("team-b(notedbyjane,accountofthemachine") && !actions.contains("team-a"), "{actions}");
    assert!(actions.contains("2027-01-31"), "{actions}");
}

#[test]
fn a_drill_that_changed_nothing_has_no_strengths() {
    let mut idle = outage("");
    idle.0.retain(|e| !matches!(e.event, Kind::FaultApplied { .. }));
    let written = plain(&ended(idle));
    let pair = written.section(Key::Summary).unwrap().blocks.iter().find_map(|b| match b {
        Block::Pair { left, .. } => Some(left.clone()),
        _ => None,
    });
    let strengths = pair.unwrap();
    assert!(strengths.items.is_empty() && strengths.note.contains("showed nothing"), "{strengths:?}");
}

#[test]
fn what_is_bad_is_in_the_words_too() {
    // A format without colours must not lose anything: the outcome is a word.
    let mut late = outage("");
    late.0.retain(|e| !matches!(&e.event, Kind::PodSeen { pod, .. } if pod.name == "web-3"));
    let mut last = late.0.last().unwrap().clone();
    last.t_us = 600_000_000;
    late.0.push(last);
    let written = plain(&ended(late));
    let Block::Verdict(v) = &written.section(Key::Summary).unwrap().blocks[0] else { panic!("no verdict") };
    assert_eq!(v.badge.said, "FAILED");
    let bad = written.sections().flat_map(|s| &s.blocks).filter_map(|b| match b {
        Block::Table(t) if t.head.iter().any(|h| h == "Expectation") => Some(t),
        _ => None,
    });
    let cells: Vec<&Text> = bad.flat_map(|t| &t.rows).flat_map(|r| &r.cells).filter(|c| c.tone == Tone::Bad).collect();
    assert!(!cells.is_empty() && cells.iter().all(|c| c.said == "FAIL"), "{cells:?}");
    assert!(report::markdown(&written).contains("**FAIL**"));
}

/// The drill of today against the one before: faster is better only beyond both error bars, an action is corrected only
/// by a pass of the same expectation, and a date that has passed is named.
#[test]
fn this_drill_is_compared_with_the_last_one() {
    let told = |events: &[Event], notes: Vec<Note>| {
        let beside = Beside { notes, ..Beside::default() };
        Before::of(&story_of_events(events), &ReadRun::of(events), &beside).unwrap()
    };
    let with = |events: &[Event], before: Before| {
        document(&story_of_events(events), &ReadRun::of(events), &Beside { before: Some(before), ..Beside::default() })
    };
    let summary = |written: &Document| words(written.section(Key::Summary).unwrap());
    let good = ended(outage(""));
    // The same again: nothing is better, and nothing is worse.
    let same = summary(&with(&good, told(&good, vec![])));
    assert!(same.contains("45.4s→45.4s,noclearchange"), "{same}");
    // The service was back 20 s earlier then.
    let mut quick = good.clone();
    for event in &mut quick {
        if let Kind::Judged { judgements, .. } = &mut event.event {
            for m in judgements.iter_mut().filter_map(|j| j.measured.as_mut()) {
                (m.least_us, m.most_us) = (m.least_us.saturating_sub(20_000_000), m.most_us.saturating_sub(20_000_000));
            }
        }
    }
    let worse = summary(&with(&good, told(&quick, vec![])));
    assert!(worse.contains("25.4s→45.4s,worse") && worse.contains("deployment/webtook55.4s,after35.4s"), "{worse}");
    let better = summary(&with(&quick, told(&good, vec![])));
    assert!(better.contains("45.4s→25.4s,better"), "{better}");
    // Another scenario is not compared.
    let mut other = good.clone();
    if let Kind::RunStarted { scenario, .. } = &mut other[0].event {
        *scenario = "another".into();
    }
    let not = summary(&with(&good, told(&other, vec![])));
    assert!(not.contains("notcompared,becauseithadanotherscenario"), "{not}");
    // The alert did not come then. Its action had a date that has passed.
    let mut bad = outage("");
    bad.0.retain(|e| !matches!(&e.event, Kind::AlertSeen { source, .. } if source.starts_with("alertmanager")));
    let bad = ended(bad);
    let due = Note {
        at: jiff::Timestamp::UNIX_EPOCH,
        by: "jane".into(),
        known: Known::Account,
        field: Field::Due,
        of: "A1".into(),
        text: "1969-11-01".into(),
    };
    let corrected = with(&good, told(&bad, vec![due.clone()]));
    let said = summary(&corrected);
    assert!(said.contains("ActionA1of1970-01-01wastestedagain:alertNodeNotReadypassesnow."), "{said}");
    assert!(!said.contains("overdue"), "{said}");
    let still = with(&bad, told(&bad, vec![due]));
    let said = summary(&still);
    assert!(said.contains("ActionA1of1970-01-01is61day(s)overdue"), "{said}");
    let actions = words(still.section(Key::Actions).unwrap());
    assert!(actions.contains("testedagainandnotpassed:carriedover[J4]"), "{actions}");
    same_everywhere("compared", &bad, &Beside { before: Some(told(&good, vec![])), ..Beside::default() });
}

/// Several drills on one axis: the oldest first, this drill last, each with its error bar, and the same numbers as a
/// table.
#[test]
fn earlier_drills_are_shown_as_a_trend() {
    let good = ended(outage(""));
    let told = |date: &str| {
        let mut events = good.clone();
        events[0].at = format!("{date}T00:00:00Z").parse().unwrap();
        Before::of(&story_of_events(&events), &ReadRun::of(&events), &Beside::default()).unwrap()
    };
    let earlier = vec![told("1969-06-01"), told("1969-01-01")];
    let beside = Beside { before: Some(told("1969-12-01")), earlier, ..Beside::default() };
    let written = document(&story_of_events(&good), &ReadRun::of(&good), &beside);
    let figures = written.section(Key::Measurements).unwrap().blocks.iter();
    let mut trend = figures.filter_map(|b| match b {
        Block::Figure(f) => match &f.picture {
            report::Picture::Trend(trend) => Some((f, trend)),
            _ => None,
        },
        _ => None,
    });
    let (figure, trend) = trend.next_back().expect("a trend");
    let dates: Vec<&str> = trend.rows[0].points.iter().map(|p| p.date.as_str()).collect();
    assert_eq!(dates, ["1969-01-01", "1969-06-01", "1969-12-01", "1970-01-01"]);
    assert_eq!(figure.table.head.len(), 6);
    assert!(figure.table.rows.iter().all(|row| row.cells.len() == 6 && row.cells[2].said == row.cells[5].said));
    same_everywhere("trend", &good, &beside);
    // A first drill shows no trend.
    let alone = plain(&good);
    let is_trend = |b: &Block| matches!(b, Block::Figure(f) if matches!(f.picture, report::Picture::Trend(_)));
    assert!(!alone.section(Key::Measurements).unwrap().blocks.iter().any(is_trend));
}

/// Every text of the catalogue in brackets: what stands outside them in the document is not from the catalogue, and so
/// must be from the journal.
#[test]
fn no_text_of_the_report_is_hard_wired() {
    let catalogue = report::english();
    let language = catalogue.lines().map(|line| match line.split_once(": ").unwrap() {
        ("language", _) => "language: xx\n".to_owned(),
        (key, text) => format!("{key}: \"⟦{}⟧\"\n", &text[1..text.len() - 1]),
    });
    let language: String = language.collect();
    let words = report::Words::read("brackets", &language).unwrap_or_else(|e| panic!("{e}"));
    let organisation = report::Organisation { words, ..report::Organisation::default() };
    let events = ended(outage(""));
    let beside = Beside { organisation, ..Beside::default() };
    let written = document(&story_of_events(&events), &ReadRun::of(&events), &beside);
    let mut bare: BTreeSet<String> = BTreeSet::new();
    let mut take = |text: &str| {
        if text.chars().any(char::is_alphabetic) && !text.contains('⟦') {
            bare.insert(text.to_owned());
        }
    };
    for part in &written.parts {
        assert!(part.title.starts_with('⟦'), "{}", part.title);
        for section in &part.sections {
            assert!(section.title.starts_with('⟦'), "{}", section.title);
            for block in &section.blocks {
                match block {
                    Block::Table(t) => headings(t, &mut take),
                    Block::Figure(f) => {
                        take(&f.title);
                        headings(&f.table, &mut take);
                    }
                    Block::List(l) => take(&l.title),
                    Block::Pair { left, right } => [left, right].into_iter().for_each(|l| take(&l.title)),
                    Block::Card(card) => card.facts.iter().for_each(|row| take(&row.cells[0].said)),
                    Block::Verdict(v) => {
                        take(&v.badge.said);
                        take(&v.sentence.said);
                        v.notes.iter().for_each(|note| take(&note.said));
                    }
                    Block::Paragraph(_) => {}
                    Block::Commands(c) => take(&c.title),
                }
            }
        }
    }
    assert!(bare.is_empty(), "hard-wired: {bare:#?}");
    let page = html(&written);
    assert!(page.contains("<html lang=\"xx\">") && page.contains("⟦Parts of the report⟧"), "the frame is translated");
}

/// Titles, headings, notes, and the names of facts.
fn headings(table: &Table, take: &mut impl FnMut(&str)) {
    take(&table.title);
    table.head.iter().for_each(|h| take(h));
    take(&table.note);
    if table.head.is_empty() {
        table.rows.iter().for_each(|row| take(&row.cells[0].said));
    }
}

/// German has every text; the numbers and the names of the journal are the same.
#[test]
fn the_report_in_german_says_the_same_in_every_format() {
    let german = report::Words::shipped("de").unwrap().unwrap();
    let organisation = report::Organisation { words: german, ..report::Organisation::default() };
    let beside = Beside { organisation, ..Beside::default() };
    let events = ended(outage(""));
    let written = document(&story_of_events(&events), &ReadRun::of(&events), &beside);
    let said = words_of(&written);
    assert!(said.contains("BESTANDEN") && said.contains("Zusammenfassung"), "{said}");
    let page = html(&written);
    assert!(page.contains("<html lang=\"de\">") && page.contains("content: \"Seite \""), "the frame is German");
    assert!(markdown(&written).starts_with("# Abschlussbericht der Übung"));
    let (in_html, ..) = of_html(&page);
    let in_markdown = of_markdown(&markdown(&written));
    for (section, in_markdown) in written.sections().zip(&in_markdown) {
        let key = serde_json::to_value(section.key).unwrap();
        assert_eq!(in_html[key.as_str().unwrap()], words(section));
        assert_eq!(*in_markdown, words(section));
    }
}

fn words_of(written: &Document) -> String {
    written.sections().map(words).collect()
}

/// A change that the readiness review proposes for the workload of a failed expectation stands below that finding, as
/// commands; one for another workload does not.
#[test]
fn a_finding_has_the_ready_patch_for_its_own_workload() {
    let remedy = |name: &str| -> Remedy {
        let change = Change::Patch {
            kind: "Deployment".into(),
            namespace: "shop".into(),
            name: name.into(),
            strategic: false,
            body: serde_json::json!({"spec": {"replicas": 4}}),
        };
        Remedy { caution: "read the quota first".into(), ..Remedy::new(change) }
    };
    let mut events = ended(outage(""));
    for event in &mut events {
        match &mut event.event {
            Kind::PreflightDone { review: Some(review), .. } => {
                let concern = &mut review.concerns[0];
                concern.check = "WRK-001".into();
                concern.state = State::Fail;
                concern.remedies = vec![remedy("other"), remedy("web")];
            }
            Kind::Judged { judgements, .. } => {
                let about = |j: &&mut Judgement| j.expectation.starts_with("deployment/web");
                judgements.iter_mut().find(about).unwrap().outcome = Outcome::Fail;
            }
            _ => {}
        }
    }
    let written = plain(&events);
    let commands = written.section(Key::Findings).unwrap().blocks.iter().filter_map(|b| match b {
        Block::Commands(c) => Some(c.clone()),
        _ => None,
    });
    let commands: Vec<_> = commands.collect();
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert!(commands[0].title.starts_with("Ready patch for F1: WRK-001"), "{}", commands[0].title);
    let wanted = "kubectl --context \"$CONTEXT\" patch deployment/web --namespace shop --type merge --patch \
                  '{\"spec\":{\"replicas\":4}}'";
    assert_eq!(commands[0].lines, ["# CAUTION: read the quota first", wanted]);
    same_everywhere("patched", &events, &Beside::default());
}
