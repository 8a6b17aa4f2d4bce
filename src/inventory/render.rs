//! Renders Kustomizations and charts with the programs that their users have: kubectl or kustomize, and helm.

use std::{path::Path, time::Duration};

use crate::world::{ExecError, Here, Program};

/// The time limit. A Kustomization may have to fetch a remote base.
const LIMIT: Duration = Duration::from_secs(120);

/// The manifests of a Kustomization.
///
/// # Errors
/// No program can render it; the text contains the command to type.
pub(super) async fn kustomize(folder: &Path, here: &Here) -> Result<String, String> {
    let path = folder.display().to_string();
    let by_hand = format!("kubectl kustomize {path} | drillmaster check -");
    let mut why = "neither kubectl nor kustomize is installed".to_owned();
    for words in [["kubectl", "kustomize"], ["kustomize", "build"]] {
        match run(&[words[0], words[1], &path], here).await {
            Ok(text) => return Ok(text),
            Err(ExecError::Start { .. }) => {}
            Err(error) => why = error.to_string(),
        }
    }
    Err(format!(
        "{path} is a Kustomization, and drillmaster judges only what it renders to: {why}. Render it: {by_hand}"
    ))
}

/// The manifests of a chart, with its default values.
///
/// # Errors
/// Helm cannot render it; the text contains the command to type.
pub(super) async fn chart(folder: &Path, here: &Here) -> Result<String, String> {
    let path = folder.display().to_string();
    let why = match run(&["helm", "template", &path], here).await {
        Ok(text) => return Ok(text),
        Err(ExecError::Start { .. }) => "helm is not installed".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(format!(
        "{path} is a chart, and drillmaster cannot judge its templates before they are rendered: {why}. Render it: helm template {path} | drillmaster check -"
    ))
}

async fn run(argv: &[&str], here: &Here) -> Result<String, ExecError> {
    let program = Program::new(argv.iter().copied());
    program.run(here, LIMIT).await.map(|output| output.stdout.parse().to_owned())
}
