//! `drillmaster check`: reviews the readiness of manifests, a capture or a cluster. It reads the input, calls
//! `readiness::review` and writes the formats; the checks themselves are in `readiness`.

use std::path::{Path, PathBuf};

use super::{
    Done, Failure,
    args::{CheckArgs, ExplainArgs, JunitPer, ListFormat},
    place, print, say, shown,
};
use crate::{
    engine::open,
    files,
    inventory::{self, Locator, Shelf, manifests, open_capture, read_scans, sample_logs},
    model::{Exit, Readiness, Review, Ruling, State, printable},
    readiness::{self, Settings, against_baseline, review},
    report,
    scenario::{load_drill_file, meant},
    world::Clock,
};

/// A format of the review and the file to write it to.
struct Output {
    format: String,
    file: Option<PathBuf>,
}

pub(super) async fn check(args: &CheckArgs) -> Done {
    let plan = ["fix-plan".to_owned()];
    let outputs = outputs(if args.fix_plan { &plan } else { &args.format })?;
    let mut settings = settings(args)?;
    settings.keep_passes = args.junit_per == JunitPer::Object && outputs.iter().any(|o| o.format == "junit");
    let (mut shelf, target) = look(args).await?;
    if let Some(path) = &args.target {
        shelf.target = Some(Box::new(other(path)?));
    }
    for path in &args.scan {
        shelf.scans.extend(
            read_scans(path, Clock::start().wall())
                .map_err(|why| Failure::new(Exit::Invalid, format!("--scan: {why}")))?,
        );
    }
    if shelf.is_empty() && !args.allow_empty {
        let notes = shelf.notes.iter().map(|n| format!("\n  {}", printable(n))).collect::<String>();
        return Err(Failure::new(
            Exit::Invalid,
            format!("{target} contains no object, so nothing was checked (--allow-empty accepts that){notes}"),
        ));
    }
    let strange = if args.allow_empty { vec![] } else { readiness::strangers(&shelf, &settings) };
    if !strange.is_empty() {
        let text = format!("{} (--allow-empty accepts that)", strange.join("\n       "));
        return Err(Failure::new(Exit::Invalid, text));
    }
    let now = shelf.at.unwrap_or_else(|| Clock::start().wall());
    let mut review = review(&shelf, &settings, &target, &args.profile, now);
    if let Some(path) = &args.baseline {
        against_baseline(&mut review, &baseline(path)?);
    }
    lines(&shelf, &mut review);
    for output in &outputs {
        write(output, &review, args)?;
    }
    Ok(exit(args, &shelf, &review))
}

/// The size limit for a manifest that is read a second time, to find a line.
const LARGEST: u64 = 512 << 20;

/// A review knows the line on which an object begins. This replaces it with the line of the field that the finding is
/// about.
fn lines(shelf: &Shelf, review: &mut Review) {
    let mut locator = Locator::default();
    let told = |r: &&mut Ruling| r.state != State::Skip && !r.subject.file.is_empty() && !r.pointer.is_empty();
    for result in review.results.iter_mut().filter(told) {
        let subject = &mut result.subject;
        let text = || match &shelf.stdin {
            Some(text) if subject.file == "<stdin>" => text.clone(),
            _ => files::text(Path::new(&subject.file), LARGEST).unwrap_or_default(),
        };
        if let Some(line) = locator.line(&subject.file, text, subject.line, &result.pointer) {
            subject.line = line;
        }
    }
}

/// The exit code of a review. Unreadable input is an error even where the rest of the input is ready.
fn exit(args: &CheckArgs, shelf: &Shelf, review: &Review) -> Exit {
    if shelf.broken {
        say("error: some of the input could not be read (see the notes); only the rest was checked");
        return Exit::Invalid;
    }
    if args.exit_zero {
        return Exit::Passed;
    }
    if args.strict && review.verdict == Readiness::ReadyWithWarnings {
        return Exit::Refused;
    }
    review.verdict.exit()
}

fn settings(args: &CheckArgs) -> Result<Settings, Failure> {
    let mut settings = Settings {
        namespaces: args.namespace.clone(),
        only: args.only.clone(),
        skip: args.skip.clone(),
        drills: args.drills.iter().cloned().collect(),
        no_waivers: args.no_waivers,
        allow_unknown: args.allow_unknown,
        ..Settings::default()
    };
    if let Some(path) = &args.drill {
        settings.read(load_drill_file(path, &readiness::VOCABULARY).map_err(|p| place::invalid(&p))?);
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

async fn look(args: &CheckArgs) -> Result<(Shelf, String), Failure> {
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
        let (world, _) = open(&place, Clock::start()).await.map_err(|e| Failure::of(Exit::Inconclusive, &e))?;
        let secrets = place::secrets(&args.read_secrets)?;
        let mut shelf = inventory::look(&world, &args.namespace, &secrets).await;
        if args.sample_logs {
            shelf.readings.logs = Some(sample_logs(&world.kube, &shelf, &args.namespace).await);
        }
        say(&format!("read {} objects with {} requests, {} KiB", shelf.len(), shelf.cost.0, shelf.cost.1 / 1024));
        return Ok((shelf, world.identity.context.clone()));
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
    let shelf = manifests(&args.paths).map_err(|why| Failure::new(Exit::Invalid, why))?;
    let names: Vec<String> = args.paths.iter().map(|p| p.display().to_string()).collect();
    Ok((shelf, names.join(", ")))
}

/// Reads the environment to compare with (`--target`).
fn other(path: &PathBuf) -> Result<Shelf, Failure> {
    let wrong = |why: String| Failure::new(Exit::Invalid, format!("--target: {why}"));
    let packed = path.extension().is_some_and(|e| e == "gz" || e == "tgz");
    let shelf = if packed {
        open_capture(path).map(|(shelf, _)| shelf).map_err(wrong)?
    } else {
        manifests(std::slice::from_ref(path)).map_err(wrong)?
    };
    if shelf.is_empty() {
        return Err(wrong(format!("{} contains no object", shown(path))));
    }
    Ok(shelf)
}

fn baseline(path: &PathBuf) -> Result<Review, Failure> {
    let wrong = |why: String| Failure::new(Exit::Invalid, format!("--baseline {}: {why}", shown(path)));
    let text = files::text(path, LARGEST).map_err(|e| wrong(e.to_string()))?;
    serde_json::from_str(&text)
        .map_err(|e| wrong(format!("this file is not a review; `check --format json=FILE` writes one: {e}")))
}

const FORMATS: [&str; 8] = ["human", "json", "sarif", "junit", "html", "markdown", "prometheus", "fix-plan"];

/// Reads the values of `--format`, such as `sarif=a.sarif`. Without a file, or with `-`, a format goes to standard
/// output.
fn outputs(words: &[String]) -> Result<Vec<Output>, Failure> {
    let mut outputs = vec![];
    for word in words {
        let (format, file) = word.split_once('=').map_or((word.as_str(), None), |(f, p)| (f, Some(p)));
        if !FORMATS.contains(&format) {
            return Err(Failure::new(
                Exit::Invalid,
                format!("--format {word}: unknown format; write one of {}", FORMATS.join(", ")),
            ));
        }
        let file = file.filter(|f| *f != "-").map(PathBuf::from);
        outputs.push(Output { format: format.to_owned(), file });
    }
    if outputs.iter().filter(|o| o.file.is_none()).count() > 1 {
        return Err(Failure::new(
            Exit::Invalid,
            "only one format can go to standard output: give the others a file, as in --format sarif=a.sarif",
        ));
    }
    Ok(outputs)
}

fn write(output: &Output, review: &Review, args: &CheckArgs) -> Result<(), Failure> {
    let text = match output.format.as_str() {
        "json" => report::review_json(review),
        "sarif" => report::review_sarif(review),
        "junit" if args.junit_per == JunitPer::Check => report::review_junit_by_check(review),
        "junit" => report::review_junit(review),
        "html" => report::review_html(review),
        "fix-plan" => report::fix_plan(review),
        "markdown" => report::review_markdown(review),
        "prometheus" => report::review_prometheus(review),
        _ => report::review_human(review, args.all),
    };
    match &output.file {
        None if matches!(output.format.as_str(), "json" | "sarif") => files::print_json(&text),
        None if matches!(output.format.as_str(), "junit" | "html" | "prometheus") => files::print_data(&text),
        None => print(&text),
        Some(path) => std::fs::write(path, text)
            .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write {}: {e}", shown(path))))?,
    }
    Ok(())
}

pub(super) fn explain(args: &ExplainArgs) -> Done {
    match readiness::explain(&args.check) {
        Some(text) => {
            print(&text);
            Ok(Exit::Passed)
        }
        None => Err(Failure::new(
            Exit::Invalid,
            format!("no check is called {}; `drillmaster list checks` lists all checks", args.check),
        )),
    }
}

pub(super) fn list(output: ListFormat) -> Done {
    match output {
        ListFormat::Human => print(&readiness::listing()),
        ListFormat::Json => files::print_json(&readiness::listing_json()),
        ListFormat::Markdown => print(&readiness::page()),
    }
    Ok(Exit::Passed)
}
