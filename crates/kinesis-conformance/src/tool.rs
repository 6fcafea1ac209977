//! Programs of others that a run needs: Python environments and npm packages, under the target directory.
//!
//! Promises: versions are pinned; what is there is not installed again; an error says what to install or to look at.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::Command;

/// A program that is not there or did not do its job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// It could not be started.
    #[error("cannot run {program}: install it ({hint}) or put it on the PATH")]
    Absent {
        /// The program.
        program: String,
        /// Where it comes from.
        hint: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// It ended with an error.
    #[error("{step} failed; it said:\n{said}")]
    Failed {
        /// What it was to do.
        step: String,
        /// The end of its output.
        said: String,
    },
    /// A file or directory could not be used.
    #[error("cannot use {}: check its permissions and the space left", path.display())]
    Path {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// `target/conformance`, whatever the target directory is called: programs lie in a directory of it.
pub(crate) fn directory() -> Result<PathBuf, ToolError> {
    let at = |path: &Path, source| ToolError::Path { path: path.to_owned(), source };
    let own = std::env::current_exe().map_err(|source| at(Path::new("this program"), source))?;
    let target = own.ancestors().nth(2).unwrap_or(Path::new("."));
    let directory = target.join("conformance");
    std::fs::create_dir_all(&directory).map_err(|source| at(&directory, source))?;
    Ok(directory)
}

/// Runs a step to its end.
pub(crate) async fn run(step: &str, hint: &'static str, command: &mut Command) -> Result<Output, ToolError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|source| ToolError::Absent { program, hint, source })?;
    if output.status.success() {
        return Ok(output);
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    let skipped = said.lines().count().saturating_sub(LINES);
    Err(ToolError::Failed { step: step.to_owned(), said: said.lines().skip(skipped).collect::<Vec<_>>().join("\n") })
}

/// A virtual environment with these packages: the directory of its programs.
pub(crate) async fn python(name: &str, packages: &[&str]) -> Result<PathBuf, ToolError> {
    let environment = directory()?.join(name);
    let programs = environment.join("bin");
    // Written last, so that an installation that was cut short is done again.
    let complete = environment.join(format!("complete-{}", packages.join("-").replace(['/', '='], "_")));
    if complete.exists() {
        return Ok(programs);
    }
    let hint = "the package python3 with venv";
    let mut create = Command::new("python3");
    run("python3 -m venv", hint, create.args(["-m", "venv", "--clear"]).arg(&environment)).await?;
    let mut pip = Command::new(programs.join("pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(packages);
    run(&format!("pip install {}", packages.join(" ")), hint, &mut pip).await?;
    std::fs::write(&complete, "").map_err(|source| ToolError::Path { path: complete, source })?;
    Ok(programs)
}

/// An npm package: the directory it is installed in.
pub(crate) async fn npm(package: &str, version: &str) -> Result<PathBuf, ToolError> {
    let directory = directory()?.join(format!("npm-{package}-{version}"));
    let installed = directory.join("node_modules").join(package);
    if installed.join("package.json").exists() {
        return Ok(installed);
    }
    std::fs::create_dir_all(&directory).map_err(|source| ToolError::Path { path: directory.clone(), source })?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&directory);
    run(&format!("npm install {package}"), "Node.js", npm.arg(format!("{package}@{version}"))).await?;
    Ok(installed)
}

/// How much of a failed program's output is shown.
const LINES: usize = 20;
