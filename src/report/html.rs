//! The after-action report as one HTML file: without scripts and external content, and with all text escaped by the
//! template engine.

use minijinja::{AutoEscape, Environment, context};

use super::{Story, story::of_outside, svg::svg};
use crate::verdict::History;

const TEMPLATE: &str = include_str!("report.html");

/// The report.
pub fn html(story: &Story, history: &History) -> String {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let picture = minijinja::Value::from_safe_string(svg(history));
    let rendered = environment.add_template("report", TEMPLATE).and_then(|()| {
        environment
            .get_template("report")?
            .render(context! { s => minijinja::Value::from(minijinja::value::Serde(story)), picture, outside => of_outside(story) })
    });
    // A template that cannot be rendered is a bug. The file must still show that there is a problem.
    rendered.unwrap_or_else(|error| {
        format!("<!doctype html><title>report</title><p>the report could not be rendered: {}</p>", error.kind())
    })
}
