//! `drillmaster list` and `drillmaster show`: the files that are part of the program, and the checks.

use serde_json::{Value, json};

use super::{
    Done, Failure,
    args::{ListArgs, ListFormat, ListOf, ShowArgs},
    explain, print, print_whole,
};
use crate::{
    files::print_json,
    model::Exit,
    scenario::{BINDINGS, CLUSTERS, PLAYBOOKS, SCENARIOS, Shipped, meant, names, rehearsed_on},
};

pub(super) fn list(args: &ListArgs) -> Done {
    let rows = match args.what {
        ListOf::Checks => return explain::list(args.output),
        ListOf::Scenarios => SCENARIOS.iter().map(scenario).collect::<Vec<_>>(),
        ListOf::Clusters => CLUSTERS.iter().map(|s| row(s, title(s.text))).collect(),
        ListOf::Playbooks => PLAYBOOKS.iter().map(|s| row(s, title(s.text))).collect(),
        ListOf::Bindings => BINDINGS.iter().map(|s| row(s, comment(s.text))).collect(),
    };
    match args.output {
        ListFormat::Json => print_json(&format!("{:#}\n", Value::from(rows))),
        ListFormat::Markdown => print_whole(&markdown(&rows)),
        ListFormat::Human => print(&human(&rows)),
    }
    Ok(Exit::Passed)
}

/// A shipped file that is given by its name.
pub(super) fn show(args: &ShowArgs) -> Done {
    let all = || [SCENARIOS, PLAYBOOKS, CLUSTERS, BINDINGS].into_iter().flatten();
    let Some(found) = all().find(|shipped| shipped.name == args.name) else {
        let similar = meant(&args.name, all().map(|s| s.name));
        let known: Vec<&str> = [SCENARIOS, PLAYBOOKS, CLUSTERS, BINDINGS].into_iter().flat_map(names).collect();
        let name = &args.name;
        return Err(Failure::new(
            Exit::Invalid,
            format!(
                "no scenario, playbook, simulated cluster or example of bindings has the name `{name}`; {similar}they are {}",
                known.join(", ")
            ),
        ));
    };
    print_whole(found.text);
    Ok(Exit::Passed)
}

fn row(shipped: &Shipped, title: String) -> Value {
    json!({"name": shipped.name, "title": title})
}

fn scenario(shipped: &Shipped) -> Value {
    json!({"name": shipped.name, "title": title(shipped.text), "cluster": rehearsed_on(shipped.name)})
}

/// `metadata.title` of a file.
fn title(text: &str) -> String {
    let file: Value = serde_saphyr::from_str(text).unwrap_or_default();
    file["metadata"]["title"].as_str().unwrap_or_default().to_owned()
}

/// The first sentence of a file's comment.
fn comment(text: &str) -> String {
    let lines = text.lines().skip_while(|line| line.contains("yaml-language-server"));
    let words: Vec<&str> = lines.map_while(|line| line.strip_prefix("# ")).collect();
    words.join(" ").split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned()
}

fn text<'a>(row: &'a Value, column: &str) -> &'a str {
    row[column].as_str().unwrap_or_default()
}

/// One line for each file; what is not rehearsed on the default cluster says where it is.
fn human(rows: &[Value]) -> String {
    let widest = rows.iter().map(|row| text(row, "name").len()).max().unwrap_or(0);
    let line = |row: &Value| {
        let cluster = text(row, "cluster");
        let place =
            if cluster.is_empty() || cluster == CLUSTERS[0].name { String::new() } else { format!(" (on {cluster})") };
        format!("{:widest$}  {}{place}\n", text(row, "name"), text(row, "title"))
    };
    rows.iter().map(line).collect()
}

fn markdown(rows: &[Value]) -> String {
    let line = |row: &Value| format!("| {} | {} | {} |\n", text(row, "name"), text(row, "title"), text(row, "cluster"));
    format!("| name | title | simulated cluster |\n|---|---|---|\n{}", rows.iter().map(line).collect::<String>())
}
