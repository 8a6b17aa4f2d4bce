//! The lines above and below a report or a paper, which HTML and PDF share. Start with [`Head`].

use super::{
    document::Document,
    paper::Paper,
    words::{frame as w, say},
};

/// What stands in the title of the window, above the content, and at the foot of each printed page.
pub(super) struct Head {
    pub window: String,
    pub kind: String,
    pub number: String,
    pub foot: String,
}

impl Head {
    /// The report of a run.
    pub fn of_run(document: &Document) -> Self {
        let words = &document.words;
        let title = if document.mark.is_empty() { w::WINDOW_TITLE } else { w::WINDOW_TITLE_REHEARSAL };
        Self {
            window: say!(words, title, document.title),
            kind: say!(words, w::REPORT),
            number: say!(words, w::RUN_LINE, document.run, document.date),
            foot: say!(words, w::FOOT, document.run),
        }
    }

    /// The report of an exercise. `prefix` stands before the title of the window.
    pub fn of_exercise(document: &Document, prefix: &str) -> Self {
        let words = &document.words;
        Self {
            window: format!("{prefix}{}", say!(words, w::WINDOW_TITLE, document.title)),
            kind: say!(words, w::REPORT),
            number: say!(words, w::EXERCISE_LINE, document.run, document.date),
            foot: say!(words, w::EXERCISE_FOOT, document.run),
        }
    }

    /// A paper of an exercise.
    pub fn of_paper(paper: &Paper) -> Self {
        Self {
            window: format!("{} – {}", paper.title, paper.kind.to_lowercase()),
            kind: paper.kind.clone(),
            number: paper.number.clone(),
            foot: String::new(),
        }
    }

    /// What stands at the foot of each page: the marking of the organisation, the mark, and the run.
    pub fn whole_foot(&self, document: &Document) -> String {
        let marking = document.cover.as_ref().map_or("", |c| c.marking.as_str());
        let foot = [marking, &document.mark, &self.foot].into_iter().filter(|text| !text.is_empty());
        foot.collect::<Vec<_>>().join(" · ")
    }
}
