//! The after-action report as one HTML file: without scripts and external content, and with all text escaped by the
//! template engine. It is well-formed XML too, so that a strict reader can check it.

use base64::{Engine, engine::general_purpose::STANDARD};
use minijinja::{AutoEscape, Environment, Value, context, value::Serde};

use super::{
    Organisation,
    document::{Block, Document},
    svg::svg,
    words::{Words, frame as w, say},
};

const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("report.css");

/// The report, with the shipped template.
pub fn html(document: &Document) -> String {
    // A template that cannot be rendered is a bug. The file must still show that there is a problem.
    render(document, TEMPLATE, STYLE).unwrap_or_else(|why| {
        format!("<!doctype html><title>report</title><p>the report could not be rendered: {why}</p>")
    })
}

/// The report, with the templates of an organisation.
///
/// # Errors
/// A template that cannot be rendered, with its file and line.
pub(super) fn html_of(document: &Document, organisation: &Organisation) -> Result<String, String> {
    let style = organisation.css.as_deref().unwrap_or(STYLE);
    match &organisation.html {
        Some((file, template)) => render(document, template, style).map_err(|why| format!("{file}: {why}")),
        None => render(document, TEMPLATE, style),
    }
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

fn render(document: &Document, template: &str, css: &str) -> Result<String, String> {
    let words = &document.words;
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let parts: Vec<Value> = document
        .parts
        .iter()
        .map(|part| {
            let sections: Vec<Value> = part
                .sections
                .iter()
                .map(|s| {
                    let blocks: Vec<Value> = s.blocks.iter().map(|b| block(words, b)).collect();
                    context! { key => Value::from(Serde(s.key)), title => &s.title, blocks }
                })
                .collect();
            context! { title => &part.title, sections }
        })
        .collect();
    let title = if document.mark.is_empty() { w::WINDOW_TITLE } else { w::WINDOW_TITLE_REHEARSAL };
    let texts = context! {
        title => say!(words, title, document.title),
        report => say!(words, w::REPORT),
        run => say!(words, w::RUN_LINE, document.run, document.date),
        navigation => say!(words, w::NAVIGATION),
        logo => document.cover.as_ref().map(|c| say!(words, w::LOGO, c.name)),
    };
    environment.add_template("report", template).map_err(|e| told(&e))?;
    let page = environment.get_template("report").map_err(|e| told(&e))?;
    let given = context! {
        d => Value::from(Serde(document)), parts, texts, lang => words.language(), logo => logo(document),
        style => Value::from_safe_string(style(document, css)),
    };
    page.render(given).map_err(|e| told(&e))
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

/// The style sheet, with the lines that stand on each printed page.
fn style(document: &Document, css: &str) -> String {
    let words = &document.words;
    let marking = document.cover.as_ref().map_or("", |c| c.marking.as_str());
    let foot: Vec<&str> = [marking, &document.mark].into_iter().filter(|text| !text.is_empty()).collect();
    let foot: String = foot.into_iter().map(|text| format!("{text} · ")).collect();
    css.replace("@FOOT@", &inert(&(foot + &say!(words, w::FOOT, document.run))))
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
        let text = style(&Document { run: run.into(), ..Document::default() }, STYLE);
        assert!(!text.contains("</style>") && !text.contains("<script>") && !text.contains("a\"}"));
        assert!(text.contains("run a"), "{text}");
    }
}
