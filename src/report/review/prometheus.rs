//! The review in Prometheus' text format, for the node exporter's textfile collector.

use std::fmt::Write;

use crate::model::{Readiness, Review};

/// The counts of a review, as gauges.
pub fn prometheus(review: &Review) -> String {
    let mut out = String::from(
        "# HELP drillmaster_check_results Results of the last readiness review, by check and state.\n\
         # TYPE drillmaster_check_results gauge\n",
    );
    for check in &review.checks {
        let t = &check.tally;
        let all = [
            ("pass", t.pass),
            ("fail", t.fail),
            ("unknown", t.unknown),
            ("error", t.error),
            ("waived", t.waived),
            ("skip", t.skip),
        ];
        for (state, count) in all {
            let _ = writeln!(
                out,
                "drillmaster_check_results{{check=\"{}\",name=\"{}\",severity=\"{}\",state=\"{state}\"}} {count}",
                check.id, check.name, check.severity
            );
        }
    }
    let c = &review.coverage;
    let left: usize = c.left_out.iter().map(|left| left.objects).sum();
    let _ = writeln!(
        out,
        "# HELP drillmaster_check_judged Checks of the last readiness review that judged something.\n\
         # TYPE drillmaster_check_judged gauge\ndrillmaster_check_judged {}\n\
         # HELP drillmaster_check_left_out Objects that the last readiness review left out.\n\
         # TYPE drillmaster_check_left_out gauge\ndrillmaster_check_left_out {left}",
        c.judged
    );
    out.push_str(
        "# HELP drillmaster_check_unjudged Checks of the last readiness review that judged nothing, by reason.\n\
         # TYPE drillmaster_check_unjudged gauge\n",
    );
    for (why, count) in &c.unjudged {
        let _ = writeln!(out, "drillmaster_check_unjudged{{reason=\"{why}\"}} {count}");
    }
    out.push_str(
        "# HELP drillmaster_check_ready The verdict of the last readiness review: 1 for the verdict that applies.\n\
         # TYPE drillmaster_check_ready gauge\n",
    );
    for word in [Readiness::Ready, Readiness::ReadyWithWarnings, Readiness::NotReady, Readiness::CannotDetermine] {
        let _ = writeln!(out, "drillmaster_check_ready{{verdict=\"{word}\"}} {}", u8::from(word == review.verdict));
    }
    out
}
