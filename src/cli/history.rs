//! `drillmaster history`: the drills and exercises of a folder as tables, JSON, metrics and a static site.

use std::{fs, path::Path};

use super::{
    Done, Failure,
    history_args::{HistoryArgs, HistoryFormat},
    history_site::Site,
    note, place, print, say, shown,
};
use crate::{
    engine::open,
    files,
    history::{
        Asked, Cluster, Ended, Entry, History, Known, Unread, entries, history_text, metrics, read, read_exercises,
        scenarios,
    },
    inventory::{open_capture, survey_cluster},
    model::{Exit, printable},
    world::{Clock, Heads},
};

pub(super) async fn history(args: &HistoryArgs) -> Done {
    let folder = args.dir.as_ref().unwrap_or(&args.runs);
    let found = entries(folder).map_err(|error| {
        invalid(match error.kind() {
            std::io::ErrorKind::NotFound => format!(
                "the folder {} does not exist: run a drill first, or give the folder of your run directories (--runs DIR)",
                shown(folder)
            ),
            _ => format!("cannot read {}: {error}", shown(folder)),
        })
    })?;
    let mut exercises: Vec<Entry> = found.iter().filter(|e| matches!(e, Entry::Exercise(_))).cloned().collect();
    let same =
        |other: &Path| fs::canonicalize(other).ok().is_some_and(|path| fs::canonicalize(folder).ok() == Some(path));
    if let Some(folder) = args.exercises.as_deref().filter(|other| !same(other)) {
        exercises.extend(entries(folder).map_err(|error| invalid(format!("cannot read {}: {error}", shown(folder))))?);
    }
    let scenarios = args.scenarios.as_deref().map(known).transpose()?;
    let clusters = clusters(args).await?;
    let site = args.html.as_deref().map(Site::prepare).transpose()?;
    let asked = Asked {
        folder: folder.display().to_string(),
        now: args.as_of.unwrap_or_else(|| Clock::start().wall()),
        period: args.period.clone(),
        scenarios,
        exercises: read_exercises(&exercises),
        clusters: &clusters,
    };
    let history = made(&found, &asked, site.as_ref());
    if let Some(site) = &site {
        site.finish(&history)?;
        note(&format!("wrote {}", shown(site.index())));
    }
    match args.output {
        HistoryFormat::Human => print(&history_text(&history)),
        HistoryFormat::Openmetrics => files::print_data(&metrics(&history)),
        HistoryFormat::Json => {
            let text = serde_json::to_string_pretty(&history).unwrap_or_default();
            files::print_json(&(text + "\n"));
        }
    }
    // The tables for people name them.
    if args.output != HistoryFormat::Human {
        for exercise in history.exercises.iter().filter(|exercise| exercise.result == Ended::Damaged) {
            let (dir, why) = (printable(&exercise.dir), printable(&exercise.why));
            say(&format!("warning: {dir} is not proven: {why}"));
        }
        let all = history.drills.iter().chain(&history.rehearsals);
        for run in all.filter(|run| run.result == Ended::Damaged) {
            say(&format!("warning: {} is not proven: {}", printable(&run.dir), printable(&run.why)));
        }
    }
    Ok(history.exit())
}

fn invalid(text: String) -> Failure {
    Failure::new(Exit::Invalid, text)
}

/// Reads the runs. The page of a run is written while its journal is in memory.
fn made(found: &[Entry], asked: &Asked<'_>, site: Option<&Site>) -> History {
    let read = read(found, &|dir, verified, story, run| {
        let inside = |at| at <= asked.now && asked.period.as_ref().is_none_or(|period| period.has(at));
        let in_time = if run.rehearsal { asked.period.is_none() } else { run.started.is_none_or(inside) };
        match site {
            Some(site) if in_time && run.result != Ended::Damaged => site.page(dir, &verified.reading, story, run),
            _ => Ok(()),
        }
    });
    for failed in read.iter().filter_map(|read| read.failed.as_deref()) {
        super::lost(&format!("error: {}", printable(failed)));
    }
    History::of(read.into_iter().map(|read| read.run).collect(), asked)
}

fn known(folder: &Path) -> Result<(Vec<Known>, Vec<Unread>), Failure> {
    let found = scenarios(folder).map_err(invalid)?;
    if found.0.is_empty() && found.1.is_empty() {
        return Err(invalid(format!("{} contains no scenario", shown(folder))));
    }
    Ok(found)
}

/// The clusters to compare with.
async fn clusters(args: &HistoryArgs) -> Result<Vec<Cluster>, Failure> {
    let mut clusters = vec![];
    for path in &args.capture {
        let (object_set, context) = open_capture(path).map_err(invalid)?;
        clusters.push(Cluster::of(object_set, context, format!("the capture {}", shown(path)), None).map_err(invalid)?);
    }
    if args.place.context.is_empty() && !args.place.in_cluster {
        return Ok(clusters);
    }
    let place = args.monitoring.at(place::place_or_own(&args.place).await?);
    let (world, _) = open(&place, Clock::start()).await.map_err(|e| place::not_opened(&e, Exit::Refused))?;
    let object_set = survey_cluster(&world, &[], &[]).await;
    let heads = match Heads::all(&world.kube).await {
        Ok(heads) => Some(heads),
        Err(error) => {
            say(&format!("warning: the list of heads in the cluster cannot be read: {error}"));
            None
        }
    };
    let context = world.identity.context.clone();
    let from = format!("cluster {context}");
    clusters.push(Cluster::of(object_set, context, from, heads).map_err(|why| Failure::new(Exit::Refused, why))?);
    Ok(clusters)
}
