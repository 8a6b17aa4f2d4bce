//! The after-action report as one HTML file: without scripts and external content, and with all text escaped by the
//! template engine. It is well-formed XML too, so that a strict reader can check it.

use minijinja::{AutoEscape, Environment, Value, context, value::Serde};

use super::{
    document::{Block, Document},
    svg::svg,
};

const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("report.css");

/// The report.
pub fn html(document: &Document) -> String {
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
                    let blocks: Vec<Value> = s.blocks.iter().map(block).collect();
                    context! { key => Value::from(Serde(s.key)), title => &s.title, blocks }
                })
                .collect();
            context! { title => &part.title, sections }
        })
        .collect();
    let rendered = environment.add_template("report", TEMPLATE).and_then(|()| {
        environment.get_template("report")?.render(context! {
            d => Value::from(Serde(document)), parts, style => Value::from_safe_string(style(document)),
        })
    });
    // A template that cannot be rendered is a bug. The file must still show that there is a problem.
    rendered.unwrap_or_else(|error| {
        format!("<!doctype html><title>report</title><p>the report could not be rendered: {}</p>", error.kind())
    })
}

/// A block, with its picture if it has one.
fn block(block: &Block) -> Value {
    let pictures: Vec<Value> = match block {
        Block::Figure(figure) => svg(&figure.picture, &figure.title).into_iter().map(Value::from_safe_string).collect(),
        _ => vec![],
    };
    context! { b => Value::from(Serde(block)), pictures }
}

/// The style sheet, with the lines that stand on each printed page.
fn style(document: &Document) -> String {
    let mark = if document.mark.is_empty() { String::new() } else { format!("{} · ", document.mark) };
    STYLE.replace("@MARK@", &inert(&mark)).replace("@RUN@", &inert(&document.run))
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
        let text = style(&Document { run: run.into(), ..Document::default() });
        assert!(!text.contains("</style>") && !text.contains("<script>") && !text.contains("a\"}"));
        assert!(text.contains("run a"), "{text}");
    }
}
