//! One run in the OpenMetrics text format. Start with [`openmetrics`].

use crate::{
    history::{
        Ended, Run,
        metrics::{Family, bounds},
    },
    report::story_of,
    verdict::ReadRun,
};

/// The labels that name the run. Every sample has them, and some more.
struct OfRun<'a>([(&'a str, &'a str); 5]);

impl<'a> OfRun<'a> {
    fn of(run: &'a Run) -> Self {
        let kind = if run.rehearsal { "rehearsal" } else { "drill" };
        Self([
            ("run", &run.run),
            ("scenario", &run.scenario),
            ("cluster", &run.cluster),
            ("cluster_uid", &run.cluster_uid),
            ("kind", kind),
        ])
    }

    fn sample(&self, family: &mut Family<'_>, more: &[(&str, &str)], value: f64) {
        family.sample(&[self.0.as_slice(), more].concat(), value);
    }
}

/// The run as gauges.
pub fn openmetrics(run: &Run, reading: &ReadRun) -> String {
    let (mut out, of_run) = (String::new(), OfRun::of(run));
    let mut family =
        Family::new(&mut out, "drillmaster_run_result", "", "How the run ended: 1 for the result that applies.");
    for result in Ended::ALL {
        of_run.sample(&mut family, &[("result", result.label())], f64::from(u8::from(result == run.result)));
    }
    times(reading, &of_run, &mut out);
    expectations(run, &of_run, &mut out);
    let mut family = Family::new(&mut out, "drillmaster_run_step_seconds", "seconds", "How long each step took.");
    for step in story_of(reading).steps {
        if let Some(seconds) = step.seconds {
            of_run.sample(&mut family, &[("step", &step.name), ("verb", &step.verb)], seconds);
        }
    }
    out.push_str("# EOF\n");
    out
}

fn times(reading: &ReadRun, of_run: &OfRun<'_>, out: &mut String) {
    let Some((first, last)) = reading.span else { return };
    let mut family =
        Family::new(out, "drillmaster_run_start_timestamp_seconds", "seconds", "When the run began, in Unix time.");
    of_run.sample(&mut family, &[], first.as_millisecond() as f64 / 1e3);
    let mut family =
        Family::new(out, "drillmaster_run_duration_seconds", "seconds", "From its first event to its last.");
    of_run.sample(&mut family, &[], (last.as_millisecond() - first.as_millisecond()) as f64 / 1e3);
}

fn expectations(run: &Run, of_run: &OfRun<'_>, out: &mut String) {
    let mut family = Family::new(
        out,
        "drillmaster_run_measured_seconds",
        "seconds",
        "Measured times at both ends of their error bars, with their objectives.",
    );
    for judged in &run.judgements {
        for (bound, seconds) in judged.measured.map(bounds).into_iter().flatten() {
            of_run.sample(&mut family, &[("expectation", &judged.id), ("bound", bound)], seconds);
        }
    }
    let mut family = Family::new(
        out,
        "drillmaster_run_expectation",
        "",
        "The outcome of each expectation: 1 for the one that applies.",
    );
    for judged in &run.judgements {
        let outcome = judged.outcome.to_string().to_lowercase();
        of_run.sample(&mut family, &[("expectation", &judged.id), ("outcome", &outcome)], 1.0);
    }
}
