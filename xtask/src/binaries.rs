//! The programs that commands run: built first, always from the same selection, so that cargo builds each dependency once.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::child::pause;
use crate::failure::Failure;
use crate::interrupt;

/// Variables that `cargo run` sets for the program it runs.
const OF_THIS_PACKAGE: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_NAME", "CARGO_BIN_"];

/// The built programs.
#[derive(Debug)]
pub(crate) struct Binaries {
    directory: PathBuf,
}

impl Binaries {
    /// Builds what is out of date; cargo shows its own progress.
    pub(crate) fn build() -> Result<Self, Failure> {
        Self::by(&["build", "--workspace", "--exclude", "xtask", "--bins"].map(str::to_owned))
    }

    /// The same for tests: what `cargo test --workspace` builds. Within it that is nothing, while [`Binaries::build`] would
    /// build half of the tree a second time, since tests have dependencies with other features.
    pub(crate) fn build_as_tests_do() -> Result<Self, Failure> {
        let mut arguments = ["test", "--workspace", "--no-run", "--quiet"].map(str::to_owned).to_vec();
        arguments.extend(profile_of(&own_directory()?));
        Self::by(&arguments)
    }

    fn by(arguments: &[String]) -> Result<Self, Failure> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(arguments).current_dir(workspace());
        // `cargo run` describes this package in the environment. Build scripts that look at such variables would run
        // again, and half of the tree with them, each time one goes from `cargo xtask` to plain cargo and back.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| OF_THIS_PACKAGE.iter().any(|prefix| name.starts_with(prefix))) {
                build.env_remove(name);
            }
        }
        if finish(&mut build)?.success() {
            Ok(Self { directory: own_directory()? })
        } else {
            // Ctrl-C reaches cargo too, perhaps before us.
            interrupt::check()?;
            Err(Failure::Failed("the build failed".to_owned()))
        }
    }

    /// A call of a program.
    pub(crate) fn command(&self, name: &str, args: &[String]) -> Command {
        let mut command = Command::new(self.directory.join(name));
        command.args(args);
        command
    }
}

/// What makes cargo build into this directory: a profile has a directory of its name, but for the usual one.
fn profile_of(directory: &Path) -> Option<String> {
    let name = directory.file_name()?.to_str()?;
    (name != "debug").then(|| format!("--profile={name}"))
}

/// Runs cargo to its end, or ends it at a signal.
fn finish(build: &mut Command) -> Result<ExitStatus, Failure> {
    let failed = |error| Failure::of("cannot run cargo", error);
    let mut cargo = build.spawn().map_err(failed)?;
    loop {
        if let Some(status) = cargo.try_wait().map_err(failed)? {
            return Ok(status);
        }
        if let Err(interrupted) = interrupt::check() {
            // An error here means that it has ended already.
            let _ = cargo.kill();
            let _ = cargo.wait();
            return Err(interrupted);
        }
        pause();
    }
}

/// Where the workspace is.
pub(crate) fn workspace() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().map_or(own.clone(), PathBuf::from)
}

/// Programs lie beside this one, whatever the target directory is called.
fn own_directory() -> Result<PathBuf, Failure> {
    let own = env::current_exe().map_err(|error| Failure::of("cannot find the target directory", error))?;
    own.parent().map(PathBuf::from).ok_or_else(|| Failure::Failed("cannot find the target directory".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_built_with_the_profile_of_the_directory_that_they_are_looked_for_in() {
        let of = |directory: &str| profile_of(Path::new(directory));
        assert_eq!(of("target/debug"), None);
        assert_eq!(of("target/release").as_deref(), Some("--profile=release"));
    }
}
