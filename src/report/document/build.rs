//! Puts the sections together. Start with [`document`].

use super::{
    Document, Part, Section, actions, annex, before_after,
    context::{Beside, Context, short},
    controls, evidence, findings, page_one, results, sign_off, tested, timeline,
};
use crate::{
    model::{REHEARSAL, is_printable, printable},
    report::Story,
    verdict::ReadRun,
};

/// The report of a run as a document.
pub fn document(story: &Story, reading: &ReadRun, beside: &Beside) -> Document {
    let context = Context::of(story, reading, beside);
    let c = &context;
    let found = findings::findings(c);
    let planned = actions::actions(c, &found);
    let part = |title: &str, sections: Vec<Section>| Part { title: title.to_owned(), sections };
    let parts = vec![
        part("Executive summary", vec![page_one::section(c, &found, &planned)]),
        part("What was tested, by whom, on whose authority", tested::sections(c)),
        part("Results", vec![results::verdicts(c), results::measurements(c)]),
        part("Timeline", vec![timeline::section(c), timeline::deviations(c)]),
        part("Before and after", vec![before_after::preconditions(c), before_after::back(c)]),
        part(
            "Findings and corrective actions",
            vec![findings::section(&found), actions::section(c, &planned), actions::plan_updates(c)],
        ),
        part("Control mapping and evidence", vec![controls::section(c), evidence::section(c)]),
        part("Distribution and sign-off", vec![sign_off::section(c)]),
        part("Annex", vec![annex::section(c)]),
    ];
    let mut document = Document {
        title: title(story),
        run: short(&story.run, 120),
        date: story.started.split('T').next().unwrap_or_default().to_owned(),
        mark: if story.is_rehearsal() { REHEARSAL.to_owned() } else { String::new() },
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
fn title(story: &Story) -> String {
    let title =
        story.title.strip_prefix(REHEARSAL).map_or(story.title.as_str(), |rest| rest.trim_start_matches([':', ' ']));
    if title.is_empty() { "a run without a title".into() } else { title.to_owned() }
}
