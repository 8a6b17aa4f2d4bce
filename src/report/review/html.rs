//! The review as one HTML file: without scripts and external content, and with all text escaped by the template
//! engine.

use minijinja::{AutoEscape, Environment, Value, context};

use super::{areas, blocks, counted, covered, is_shown, place, seen};
use crate::model::{Review, Ruling};

const TEMPLATE: &str = include_str!("review.html");

/// The review for a browser.
pub fn html(review: &Review) -> String {
    let areas: Vec<Value> = areas(review).into_iter().map(|area| section(review, area)).collect();
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let rendered = environment.add_template("review", TEMPLATE).and_then(|()| {
        environment.get_template("review")?.render(context! {
            r => Value::from(minijinja::value::Serde(review)), verdict => review.verdict.to_string(),
            counted => counted(review), covered => covered(review), areas, objects => review.objects.values().sum::<usize>(),
        })
    });
    // A template that cannot be rendered is a bug. The file must still show that there is a problem.
    rendered.unwrap_or_else(|error| {
        format!("<!doctype html><title>review</title><p>the review could not be rendered: {}</p>", error.kind())
    })
}

fn section(review: &Review, area: &str) -> Value {
    let of_area = review.checks.iter().filter(|c| c.area == area);
    let checks: Vec<Value> = of_area
        .filter_map(|check| {
            let found: Vec<&Ruling> = review.results.iter().filter(|r| r.check == check.id && is_shown(r)).collect();
            let first = found.first()?;
            let fix = found.iter().map(|r| r.fix.as_ref()).find(|f| !f.is_empty()).unwrap_or("");
            let rows: Vec<Value> = found.iter().map(|r| row(r)).collect();
            Some(context! {
                id => &check.id, title => &check.title, severity => first.severity.to_string(), fix, rows,
                blocks => found.iter().find(|r| r.blocking && !r.known).map(|r| blocks(r)),
            })
        })
        .collect();
    context! { title => area, checks }
}

fn row(r: &Ruling) -> Value {
    context! {
        state => r.state.to_string(), subject => r.subject.to_string(), place => place(&r.subject),
        observed => seen(r), waiver => &r.waiver, known => r.known,
    }
}
