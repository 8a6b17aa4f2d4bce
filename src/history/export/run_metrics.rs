//! One run in the OpenMetrics text format. Start with [`openmetrics`].

use crate::{
    history::{Ended, Run, metrics::Family},
    report::story_of,
    verdict::ReadRun,
};

/// The run as gauges.
pub fn openmetrics(run: &Run, reading: &ReadRun) -> String {
    let mut out = String::new();
    let kind = if run.rehearsal { "rehearsal" } else { "drill" };
    let own = [
        ("run", run.run.as_str()),
        ("scenario", &run.scenario),
        ("cluster", &run.cluster),
        ("cluster_uid", &run.cluster_uid),
        ("kind", kind),
    ];
    let with = |more: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        own.iter().chain(more).map(|(k, v)| (*k, (*v).to_owned())).collect()
    };
    let sample = |family: &mut Family<'_>, labels: Vec<(&'static str, String)>, value: f64| {
        let labels: Vec<(&str, &str)> = labels.iter().map(|(k, v)| (*k, v.as_str())).collect();
        family.sample(&labels, value);
    };
    let mut family =
        Family::new(&mut out, "drillmaster_run_result", "", "How the run ended: 1 for the result that applies.");
    for result in Ended::ALL {
        sample(&mut family, with(&[("result", result.label())]), f64::from(u8::from(result == run.result)));
    }
    if let Some((first, last)) = reading.span {
        let mut family = Family::new(
            &mut out,
            "drillmaster_run_start_timestamp_seconds",
            "seconds",
            "When the run began, in Unix time.",
        );
        sample(&mut family, with(&[]), first.as_millisecond() as f64 / 1e3);
        let mut family =
            Family::new(&mut out, "drillmaster_run_duration_seconds", "seconds", "From its first event to its last.");
        sample(&mut family, with(&[]), (last.as_millisecond() - first.as_millisecond()) as f64 / 1e3);
    }
    let mut family = Family::new(
        &mut out,
        "drillmaster_run_measured_seconds",
        "seconds",
        "Measured times at both ends of their error bars, with their objectives.",
    );
    for judged in &run.judgements {
        let Some(m) = judged.measured else { continue };
        for (bound, us) in [("least", m.least_us), ("most", m.most_us), ("objective", m.objective_us)] {
            sample(&mut family, with(&[("expectation", judged.id.as_str()), ("bound", bound)]), us as f64 / 1e6);
        }
    }
    let mut family = Family::new(
        &mut out,
        "drillmaster_run_expectation",
        "",
        "The outcome of each expectation: 1 for the one that applies.",
    );
    for judged in &run.judgements {
        let outcome = judged.outcome.to_string().to_lowercase();
        sample(&mut family, with(&[("expectation", judged.id.as_str()), ("outcome", &outcome)]), 1.0);
    }
    let mut family = Family::new(&mut out, "drillmaster_run_step_seconds", "seconds", "How long each step took.");
    for step in story_of(reading).steps {
        if let Some(seconds) = step.seconds {
            sample(&mut family, with(&[("step", step.name.as_str()), ("verb", &step.verb)]), seconds);
        }
    }
    out.push_str("# EOF\n");
    out
}
