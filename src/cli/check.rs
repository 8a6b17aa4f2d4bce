//! `drillmaster check`: reviews the readiness of manifests, a capture or a cluster. It reads the input, calls
//! `readiness::review` and writes the formats; the checks themselves are in `readiness`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::{
    Done, Failure,
    args::{CheckArgs, CheckFormat, JunitPer, TalkArgs},
    check_diff, fix_plan, note, place, print, print_styled, print_whole, say, shown, styled_out,
};
use crate::{
    engine::open,
    files::{self, fold_lines},
    inventory::{self, Locator, ObjectSet, manifests, open_capture, read_scans, sample_logs},
    model::{Exit, Novelty, Readiness, Review, Ruling, State, printable, printable_lines},
    readiness::{self, ReviewSettings, against_baseline, review},
    report,
    scenario::{load_readiness_file, meant},
    world::Clock,
};

/// A format of the review and the file to write it to, or none for standard output.
struct Output {
    format: CheckFormat,
    file: Option<PathBuf>,
}

pub(super) async fn check(args: &CheckArgs, talk: TalkArgs) -> Done {
    let outputs = outputs(args)?;
    fitting(&outputs, args)?;
    let mut settings = settings(args)?;
    let junit = outputs.iter().any(|o| o.format == CheckFormat::Junit);
    settings.keep_passes = junit && args.junit_per == JunitPer::Object;
    let (mut object_set, target) = read_input(args).await?;
    if let Some(path) = &args.target {
        object_set.target = Some(Box::new(read_target(path).await?));
    }
    for path in &args.scan {
        object_set.scans.extend(
            read_scans(path, Clock::start().wall())
                .map_err(|why| Failure::new(Exit::Invalid, format!("--scan: {why}")))?,
        );
    }
    if object_set.is_empty() && !args.allow_empty {
        let notes = notes(&object_set);
        let text = format!("{target} contains no object, so nothing was checked (--allow-empty accepts that){notes}");
        return Err(Failure::new(Exit::Invalid, text));
    }
    let strange = if args.allow_empty { vec![] } else { readiness::strangers(&object_set, &settings) };
    if !strange.is_empty() {
        let text = format!("{} (--allow-empty accepts that)", strange.join("\n       "));
        return Err(Failure::new(Exit::Invalid, text));
    }
    let now = object_set.at.unwrap_or_else(|| Clock::start().wall());
    let mut review = review(&object_set, &settings, &target, &args.profile, now);
    if let Some(path) = &args.baseline {
        against_baseline(&mut review, &baseline(path)?);
    }
    name_lines(&object_set, &mut review);
    if let Some(base) = &args.diff {
        check_diff::compare(base, args, &settings, (&object_set, now), &mut review).await?;
    }
    let plans = outputs.iter().any(|o| o.format == CheckFormat::FixPlan);
    let more = if plans { readiness::try_changes(&object_set, &settings, now, &mut review) } else { vec![] };
    for output in &outputs {
        write(output, &object_set, (&review, &more), args, args.all || talk.verbose)?;
    }
    Ok(exit(args, &object_set, &review))
}

/// The size limit for a manifest that is read a second time, to find a line.
const LARGEST: u64 = 512 << 20;

/// A review knows the line on which an object begins. This replaces it with the line of the field that the finding is
/// about.
pub(super) fn name_lines(object_set: &ObjectSet, review: &mut Review) {
    let mut locator = Locator::default();
    let told = |r: &&mut Ruling| r.state != State::Skip && !r.subject.file.is_empty() && !r.pointer.is_empty();
    for result in review.results.iter_mut().filter(told) {
        let subject = &mut result.subject;
        let text = || match &object_set.stdin {
            Some(text) if subject.file == "<stdin>" => text.clone(),
            _ => files::text(Path::new(&subject.file), LARGEST).unwrap_or_default(),
        };
        if let Some(line) = locator.line(&subject.file, text, subject.line, &result.pointer) {
            subject.line = line;
        }
    }
}

/// The notes on an input, each on a line, to follow a message.
pub(super) fn notes(object_set: &ObjectSet) -> String {
    object_set.notes.iter().map(|note| format!("\n  {}", printable(note))).collect()
}

/// The exit code of a review. Unreadable input is an error even where the rest of the input is ready.
fn exit(args: &CheckArgs, object_set: &ObjectSet, review: &Review) -> Exit {
    if object_set.broken {
        say("error: some of the input could not be read (see the notes); only the rest was checked");
        return Exit::Invalid;
    }
    if args.exit_zero {
        return Exit::Passed;
    }
    let warns = match &review.compared {
        Some(compared) => compared.outcome == Novelty::Warnings,
        None => review.verdict == Readiness::ReadyWithWarnings,
    };
    if args.strict && warns { Exit::Refused } else { review.exit() }
}

fn settings(args: &CheckArgs) -> Result<ReviewSettings, Failure> {
    let mut settings = ReviewSettings {
        namespaces: args.namespace.clone(),
        only: args.only.clone(),
        skip: args.skip.clone(),
        drills: args.drills.iter().cloned().collect(),
        no_waivers: args.no_waivers,
        allow_unknown: args.allow_unknown,
        kubernetes: args.kubernetes_version,
        ..ReviewSettings::default()
    };
    if let Some(path) = &args.readiness {
        settings.read(load_readiness_file(path, &readiness::VOCABULARY).map_err(|p| place::invalid(&p))?);
    }
    if let Some(environment) = args.environment {
        settings.environment = environment.into();
    }
    for (flag, patterns) in [("--only", &args.only), ("--skip", &args.skip)] {
        if let Some(pattern) = patterns.iter().find(|p| !(readiness::VOCABULARY.is_check)(p)) {
            let meant = meant(pattern, (readiness::VOCABULARY.checks)());
            let text =
                format!("{flag} {pattern}: no check has this name; {meant}`drillmaster list checks` lists all checks");
            return Err(Failure::new(Exit::Invalid, text));
        }
    }
    Ok(settings)
}

async fn read_input(args: &CheckArgs) -> Result<(ObjectSet, String), Failure> {
    let cluster = !args.place.context.is_empty() || args.place.in_cluster;
    if cluster && !args.paths.is_empty() {
        return Err(Failure::new(
            Exit::Invalid,
            "give either files or a cluster, not both: an object that the files refer to would be searched in the cluster, and the other way round",
        ));
    }
    if !cluster && (!args.monitoring.is_empty() || args.sample_logs) {
        return Err(Failure::new(
            Exit::Invalid,
            "--prometheus, --alertmanager, --datadog and --sample-logs need a running cluster: name it with --context (a capture already contains their answers)",
        ));
    }
    if cluster {
        let place = args.monitoring.at(place::place(&args.place)?);
        let (world, _) = open(&place, Clock::start()).await.map_err(|e| place::not_opened(&e, Exit::Inconclusive))?;
        let secrets = place::secrets(&args.read_secrets)?;
        let mut object_set = inventory::survey_cluster(&world, &args.namespace, &secrets).await;
        if args.sample_logs {
            object_set.readings.logs = Some(sample_logs(&world.kube, &object_set, &args.namespace).await);
        }
        note(&format!(
            "read {} objects with {} requests, {} KiB",
            object_set.len(),
            object_set.cost.0,
            object_set.cost.1 / 1024
        ));
        return Ok((object_set, world.identity.context.clone()));
    }
    if let Some(path) = &args.capture {
        return open_capture(path).map_err(|why| Failure::new(Exit::Invalid, why));
    }
    if args.paths.is_empty() {
        return Err(Failure::new(
            Exit::Invalid,
            "nothing to check: give files or directories, `-` for standard input, a capture (--capture FILE) or a cluster (--context NAME)",
        ));
    }
    let object_set = manifests(&args.paths, &place::here()).await.map_err(|why| Failure::new(Exit::Invalid, why))?;
    let names: Vec<String> = args.paths.iter().map(|p| p.display().to_string()).collect();
    Ok((object_set, names.join(", ")))
}

/// Reads the environment to compare with (`--target`).
async fn read_target(path: &PathBuf) -> Result<ObjectSet, Failure> {
    let wrong = |why: String| Failure::new(Exit::Invalid, format!("--target: {why}"));
    let packed = path.extension().is_some_and(|e| e == "gz" || e == "tgz");
    let object_set = if packed {
        open_capture(path).map(|(object_set, _)| object_set).map_err(wrong)?
    } else {
        manifests(std::slice::from_ref(path), &place::here()).await.map_err(wrong)?
    };
    if object_set.is_empty() {
        return Err(wrong(format!("{} contains no object", shown(path))));
    }
    Ok(object_set)
}

fn baseline(path: &PathBuf) -> Result<Review, Failure> {
    let wrong = |why: String| Failure::new(Exit::Invalid, format!("--baseline {}: {why}", shown(path)));
    let text = files::text(path, LARGEST).map_err(|e| wrong(e.to_string()))?;
    serde_json::from_str(&text)
        .map_err(|e| wrong(format!("this file is not a review; `check --write json=FILE` writes one: {e}")))
}

/// The review goes to standard output in one format, and to any number of files. The old `--format` prints nothing if
/// all its formats have a file.
fn outputs(args: &CheckArgs) -> Result<Vec<Output>, Failure> {
    let printed = |format| Output { format, file: None };
    if args.fix_plan {
        return Ok(vec![printed(CheckFormat::FixPlan)]);
    }
    let mut outputs = args.format.iter().map(|word| output("--format", word)).collect::<Result<Vec<_>, _>>()?;
    if outputs.is_empty() {
        outputs.push(printed(args.output));
    }
    for word in &args.write {
        let written = output("--write", word)?;
        if written.file.is_none() {
            let text = format!("--write {word}: give a file, as in --write sarif=a.sarif; --output prints a format");
            return Err(Failure::new(Exit::Invalid, text));
        }
        outputs.push(written);
    }
    if outputs.iter().filter(|o| o.file.is_none()).count() > 1 {
        return Err(Failure::new(
            Exit::Invalid,
            "only one format can go to standard output: give the others a file, as in --write sarif=a.sarif",
        ));
    }
    Ok(outputs)
}

/// Refuses options that the formats would ignore without a word.
fn fitting(outputs: &[Output], args: &CheckArgs) -> Result<(), Failure> {
    use CheckFormat::{Human, Json, Markdown, Sarif};
    let compares = |o: &&Output| matches!(o.format, Human | Json | Markdown | Sarif);
    if args.diff.is_some() && !outputs.iter().all(|o| compares(&o)) {
        let text = "--diff: only the formats human, json, sarif and markdown show what is new and what is gone";
        return Err(Failure::new(Exit::Invalid, text));
    }
    if args.plan_as.is_some() && outputs.iter().all(|o| o.format != CheckFormat::FixPlan) {
        let text = "--plan-as chooses the form of the fix plan, which is not asked for: add --output fix-plan";
        return Err(Failure::new(Exit::Invalid, text));
    }
    if args.group_by.is_some() && outputs.iter().all(|o| o.format != Human) {
        let text = "--group-by changes only the format human, which is not asked for: the other formats have an order of their own";
        return Err(Failure::new(Exit::Invalid, text));
    }
    Ok(())
}

/// Reads `FORMAT` or `FORMAT=FILE`. Without a file, or with `-`, a format goes to standard output.
fn output(flag: &str, word: &str) -> Result<Output, Failure> {
    let (name, file) = word.split_once('=').map_or((word, None), |(name, file)| (name, Some(file)));
    let format = CheckFormat::from_str(name, false).map_err(|_| {
        let known: Vec<String> = CheckFormat::value_variants()
            .iter()
            .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
            .collect();
        let meant = meant(name, known.iter().map(String::as_str));
        let text = format!("{flag} {word}: unknown format; {meant}write one of {}", known.join(", "));
        Failure::new(Exit::Invalid, text)
    })?;
    Ok(Output { format, file: file.filter(|file| !matches!(*file, "-" | "")).map(PathBuf::from) })
}

/// Prints the text for people, in colours if standard output has them.
fn print_review(text: &str) {
    if !styled_out() {
        return print(text);
    }
    let folded = fold_lines(&printable_lines(text), files::columns_out());
    print_styled(&report::review_painted(&folded));
}

fn write(
    output: &Output,
    object_set: &ObjectSet,
    (review, more): (&Review, &[Ruling]),
    args: &CheckArgs,
    all: bool,
) -> Result<(), Failure> {
    let text = match output.format {
        CheckFormat::Human => report::review_human(review, all, args.group_by.map(Into::into).unwrap_or_default()),
        CheckFormat::Json => report::review_json(review),
        CheckFormat::Sarif => report::review_sarif(review),
        CheckFormat::Junit if args.junit_per == JunitPer::Check => report::review_junit_by_check(review),
        CheckFormat::Junit => report::review_junit(review),
        CheckFormat::Html => report::review_html(review),
        CheckFormat::FixPlan => fix_plan::fix_plan(args, object_set, review, more)?,
        CheckFormat::Markdown => report::review_markdown(review),
        CheckFormat::Prometheus => report::review_prometheus(review),
    };
    match (&output.file, output.format) {
        (Some(path), _) => std::fs::write(path, text)
            .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write {}: {e}", shown(path))))?,
        (None, CheckFormat::Json | CheckFormat::Sarif) => files::print_json(&text),
        // A diff must contain the exact lines of the files.
        (None, CheckFormat::Junit | CheckFormat::Html | CheckFormat::Prometheus | CheckFormat::FixPlan) => {
            files::print_data(&text);
        }
        (None, CheckFormat::Human) => print_review(&text),
        (None, CheckFormat::Markdown) => print_whole(&text),
    }
    Ok(())
}
