//! Puts the sections together. Start with [`document`].

use super::{
    Document, Part, Section, actions, annex, before_after,
    context::{Beside, Context, short},
    controls, evidence, findings, page_one, results, sign_off, tested, timeline,
};
use crate::{
    model::{is_printable, printable, unmarked},
    report::{
        Story,
        words::{Words, frame as w, say},
    },
    verdict::ReadRun,
};

/// The report of a run as a document.
pub fn document(story: &Story, reading: &ReadRun, beside: &Beside) -> Document {
    let context = Context::of(story, reading, beside);
    let c = &context;
    let found = findings::findings(c);
    let planned = actions::actions(c, &found);
    let part = |title: String, sections: Vec<Section>| Part { title, sections };
    let words = c.words;
    let parts = vec![
        part(say!(words, w::PART_SUMMARY), vec![page_one::section(c, &found, &planned)]),
        part(say!(words, w::PART_TESTED), tested::sections(c)),
        part(say!(words, w::PART_RESULTS), vec![results::verdicts(c), results::measurements(c)]),
        part(say!(words, w::PART_TIMELINE), vec![timeline::section(c), timeline::deviations(c)]),
        part(say!(words, w::PART_BEFORE_AFTER), vec![before_after::preconditions(c), before_after::back(c)]),
        part(
            say!(words, w::PART_FINDINGS),
            vec![findings::section(c, &found), actions::section(c, &planned), actions::plan_updates(c)],
        ),
        part(say!(words, w::PART_CONTROLS), vec![controls::section(c), evidence::section(c)]),
        part(say!(words, w::PART_SIGN_OFF), vec![sign_off::section(c)]),
        part(say!(words, w::PART_ANNEX), vec![annex::section(c)]),
    ];
    let mut document = Document {
        title: title(story, words),
        run: short(&story.run, 120),
        date: story.started.split('T').next().unwrap_or_default().to_owned(),
        mark: if story.is_rehearsal() { say!(words, w::MARK) } else { String::new() },
        cover: beside.organisation.cover.clone(),
        language: words.language().to_owned(),
        words: words.clone(),
        parts,
    };
    // Names and messages of others may hold characters that drive a terminal or turn the direction of the text.
    document.each_text(&mut |text| {
        if !text.chars().all(is_printable) {
            *text = printable(&text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    });
    document
}

/// The title of the scenario; the mark of a rehearsal stands beside it.
fn title(story: &Story, words: &Words) -> String {
    let title = unmarked(&story.title);
    if title.is_empty() { say!(words, w::NO_TITLE) } else { title.to_owned() }
}
