//! The help of the program itself: its commands in groups. Start with [`command`].

use clap::CommandFactory;

use super::args::Args;

/// The groups of commands, each with its first command. The other commands of a group follow it in `args::Command`.
const GROUPS: [(&str, &str); 5] = [
    ("Prepare", "lint"),
    ("Drill", "rehearse"),
    ("Exercise", "playbook"),
    ("Document", "report"),
    ("Set up", "cluster"),
];

/// The command line, with a help that shows the commands in groups.
pub(super) fn command() -> clap::Command {
    let mut command = Args::command();
    let heading = *command.get_styles().get_header();
    let mut groups = String::new();
    for line in listed(&command).lines() {
        if let Some((group, _)) = GROUPS.iter().find(|(_, first)| names(line) == Some(*first)) {
            groups.push_str(&format!("\n{heading}{group}:{heading:#}\n"));
        }
        groups.push_str(line);
        groups.push('\n');
    }
    command = command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}\n{heading}Options:{heading:#}\n{{options}}{{after-help}}"
    ));
    command
}

/// The commands with their descriptions, as wide as the terminal.
fn listed(command: &clap::Command) -> String {
    let all = command.get_subcommands().cloned();
    let mut list = clap::Command::new("list").subcommands(all).help_template("{subcommands}").disable_help_flag(true);
    list.render_help().ansi().to_string()
}

/// The command that a line of the list begins with. Other lines continue a description.
fn names(line: &str) -> Option<&str> {
    let entry = line.strip_prefix("  ").filter(|entry| !entry.starts_with(' '))?;
    // A style stands before the name and after it.
    let entry = entry.strip_prefix('\u{1b}').and_then(|styled| styled.split_once('m')).map_or(entry, |(_, rest)| rest);
    entry.split(['\u{1b}', ' ']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_is_shown_once_and_each_command_is_in_one() {
        let help = command().render_help().to_string();
        let at = |text: &str| help.find(text).unwrap_or_else(|| panic!("`{text}` is missing in {help}"));
        let headings: Vec<usize> = GROUPS.iter().map(|(group, _)| at(&format!("\n{group}:\n"))).collect();
        assert!(headings.is_sorted(), "{help}");
        for shown in Args::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let place = at(&format!("\n  {} ", shown.get_name()));
            assert!(place > headings[0] && place < at("\nOptions:"), "{}", shown.get_name());
        }
    }
}
