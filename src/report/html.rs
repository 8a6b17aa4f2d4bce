//! The after-action report as one HTML file: without scripts and external content, and with all text escaped by the
//! template engine. It is well-formed XML too, so that a strict reader can check it.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use minijinja::{AutoEscape, Environment, Value, context, value::Serde};

use super::{
    Organisation,
    document::{Block, Document, Part, Section},
    head::Head,
    paper::{Chapter, Paper},
    svg::svg,
    words::{Words, frame as w, say},
};
use crate::model::is_printable;

const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("report.css");

/// The shipped template, which is read once: a site has a page for each of a thousand runs.
static SHIPPED: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // A mistake in it is noticed where the page is rendered: then there is no template.
    let _ = environment.add_template("report", TEMPLATE);
    environment
});

/// The report, with the shipped template.
pub fn html(document: &Document) -> String {
    shown(report(document, &[], None, STYLE))
}

/// The report as a page of a site, with links (address, text) above it.
pub fn html_with_links(document: &Document, links: &[(&str, &str)]) -> String {
    shown(report(document, links, None, STYLE))
}

/// The report, with the templates of an organisation.
///
/// # Errors
/// A template that cannot be rendered, with its file and line.
pub(super) fn html_of(document: &Document, organisation: &Organisation) -> Result<String, String> {
    let style = organisation.css.as_deref().unwrap_or(STYLE);
    match &organisation.html {
        Some((file, template)) => report(document, &[], Some(template), style).map_err(|why| format!("{file}: {why}")),
        None => report(document, &[], None, style),
    }
}

/// The report of an exercise. `prefix` stands before the title of the window.
pub fn exercise_html(document: &Document, prefix: &str) -> String {
    let head = Head::of_exercise(document, prefix);
    shown(render(document, parts(document), &head, &[], None, STYLE))
}

/// A paper of an exercise.
pub(super) fn paper(paper: &Paper) -> String {
    let document = Document { title: paper.title.clone(), mark: paper.mark.clone(), ..Document::default() };
    let head = Head::of_paper(paper);
    let chapter = |(i, chapter): (usize, &Chapter)| {
        let blocks: Vec<Value> = chapter.blocks.iter().map(|b| block(&document.words, b)).collect();
        let sections = vec![context! { key => format!("s{}", i + 1), title => &chapter.title, blocks }];
        context! { title => &chapter.title, sections }
    };
    let parts = paper.chapters.iter().enumerate().map(chapter).collect();
    let text = shown(render(&document, parts, &head, &[], None, STYLE));
    text.chars().map(|c| if c == '\n' || is_printable(c) { c } else { '\u{fffd}' }).collect()
}

/// Checks that a text is a template.
///
/// # Errors
/// The mistake, with its line.
pub(super) fn check(template: &str) -> Result<(), String> {
    Environment::new().add_template("report", template).map_err(|e| told(&e))
}

fn told(error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    format!("{line}{}{}", error.kind(), error.detail().map(|d| format!(": {d}")).unwrap_or_default())
}

/// A shipped template that cannot be rendered is a bug. The file must still show that there is a problem.
fn shown(page: Result<String, String>) -> String {
    page.unwrap_or_else(|why| {
        format!("<!doctype html><title>report</title><p>the report could not be rendered: {why}</p>")
    })
}

/// `template` is none for the shipped one.
fn report(document: &Document, links: &[(&str, &str)], template: Option<&str>, css: &str) -> Result<String, String> {
    render(document, parts(document), &Head::of_run(document), links, template, css)
}

fn parts(document: &Document) -> Vec<Value> {
    let section = |s: &Section| {
        let blocks: Vec<Value> = s.blocks.iter().map(|b| block(&document.words, b)).collect();
        context! { key => Value::from(Serde(s.key)), title => &s.title, blocks }
    };
    let part = |part: &Part| {
        let sections: Vec<Value> = part.sections.iter().map(section).collect();
        context! { title => &part.title, sections }
    };
    document.parts.iter().map(part).collect()
}

fn render(
    document: &Document,
    parts: Vec<Value>,
    head: &Head,
    links: &[(&str, &str)],
    template: Option<&str>,
    css: &str,
) -> Result<String, String> {
    let Some(template) = template else {
        // It reads nothing else of the document: the parts are given apart.
        let Document { cover, title, mark, .. } = document;
        let d = context! { cover => Value::from(Serde(cover)), title => title, mark => mark };
        return page(&SHIPPED, d, document, parts, head, links, css);
    };
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("report", template).map_err(|e| told(&e))?;
    page(&environment, Value::from(Serde(document)), document, parts, head, links, css)
}

/// `d` is what the template reads of the document.
fn page(
    environment: &Environment<'_>,
    d: Value,
    document: &Document,
    parts: Vec<Value>,
    head: &Head,
    links: &[(&str, &str)],
    css: &str,
) -> Result<String, String> {
    let words = &document.words;
    let texts = context! {
        title => &head.window,
        report => &head.kind,
        run => &head.number,
        navigation => say!(words, w::NAVIGATION),
        logo => document.cover.as_ref().map(|c| say!(words, w::LOGO, c.name)),
    };
    let links: Vec<Value> = links.iter().map(|(href, text)| context! { href => *href, text => *text }).collect();
    let given = context! {
        d, parts, texts, links, lang => words.language(), logo => logo(document),
        style => Value::from_safe_string(footed(words, &head.whole_foot(document), css)),
    };
    environment.get_template("report").and_then(|page| page.render(given)).map_err(|e| told(&e))
}

/// The logo as the address of an image, so that the page stays one file.
fn logo(document: &Document) -> Option<String> {
    let logo = document.cover.as_ref()?.logo.as_ref()?;
    Some(format!("data:{};base64,{}", logo.media, STANDARD.encode(&logo.bytes)))
}

/// A block, with its picture if it has one.
fn block(words: &Words, block: &Block) -> Value {
    let pictures: Vec<Value> = match block {
        Block::Figure(figure) => {
            svg(words, &figure.picture, &figure.title).into_iter().map(Value::from_safe_string).collect()
        }
        _ => vec![],
    };
    context! { b => Value::from(Serde(block)), pictures }
}

/// The style sheet for other pages, with what stands on each printed page.
pub fn page_style(foot: &str) -> String {
    footed(&Words::default(), foot, STYLE)
}

/// The style sheet, with the lines that stand on each printed page.
fn footed(words: &Words, foot: &str, css: &str) -> String {
    css.replace("@FOOT@", &inert(foot))
        .replace("@PAGE@", &inert(&say!(words, w::PAGE)))
        .replace("@ANNEX@", &inert(&say!(words, w::ANNEX_PAGE)))
}

/// Text in a string of a style sheet, where nothing is unescaped: everything that could end it is replaced.
fn inert(text: &str) -> String {
    text.chars().map(|c| if c.is_alphanumeric() || " ,.:·_-".contains(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_cannot_end_the_style_sheet() {
        let run = r#"a"}</style><script>alert(1)</script>\""#;
        let text = footed(&Words::default(), &format!("run {run}"), STYLE);
        assert!(!text.contains("</style>") && !text.contains("<script>") && !text.contains("a\"}"));
        assert!(text.contains("run a"), "{text}");
    }
}
