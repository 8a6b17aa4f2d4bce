//! The review as one HTML file: without scripts and external content, and with all text escaped by the template
//! engine.

use minijinja::{AutoEscape, Environment, Value, context};

use super::{blocks, counted, covered, gathered::gathered, place, sections, seen, worst_first};
use crate::model::{Review, Ruling};

const TEMPLATE: &str = include_str!("review.html");

/// The review for a browser.
pub fn html(review: &Review) -> String {
    let sections: Vec<Value> =
        sections(worst_first(review), |r| r).into_iter().map(|(title, found)| section(review, title, found)).collect();
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let rendered = environment.add_template("review", TEMPLATE).and_then(|()| {
        environment.get_template("review")?.render(context! {
            r => Value::from(minijinja::value::Serde(review)), verdict => review.verdict.to_string(),
            counted => counted(review), covered => covered(review), sections, objects => review.objects.values().sum::<usize>(),
        })
    });
    // A template that cannot be rendered is a bug. The file must still show that there is a problem.
    rendered.unwrap_or_else(|error| {
        format!("<!doctype html><title>review</title><p>the review could not be rendered: {}</p>", error.kind())
    })
}

fn section(review: &Review, title: &str, found: Vec<&Ruling>) -> Value {
    let of_checks = gathered(found, |r| Some(&r.check)).into_iter();
    let checks: Vec<Value> = of_checks
        .filter_map(|found| {
            let first = found.first()?;
            let check = review.checks.iter().find(|c| c.id == first.check);
            let area = check.map_or("", |c| c.area.as_str());
            let fix = found.iter().map(|r| r.fix.as_ref()).find(|f: &&str| !f.is_empty()).unwrap_or("");
            let rows: Vec<Value> = found.iter().map(|r| row(r)).collect();
            Some(context! {
                id => first.check.to_string(), title => first.expected.to_string(), area, fix, rows,
                severity => first.severity.to_string(),
                blocks => found.iter().find(|r| r.blocking && !r.known).map(|r| blocks(r)),
            })
        })
        .collect();
    context! { title, checks }
}

fn row(r: &Ruling) -> Value {
    context! {
        state => r.state.to_string(), subject => r.subject.to_string(), place => place(&r.subject),
        observed => seen(r), waiver => &r.waiver, known => r.known,
    }
}
