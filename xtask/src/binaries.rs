//! The programs that commands run: built first, always from the same selection, so that cargo builds each dependency once.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use crate::child::pause;
use crate::failure::Failure;
use crate::fresh_programs::are_fresh;
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
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--workspace", "--exclude", "xtask", "--bins"]).current_dir(workspace());
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

    /// Builds unless these programs are there already and newer than their sources.
    pub(crate) fn build_unless_fresh(programs: &[&str]) -> Result<Self, Failure> {
        let directory = own_directory()?;
        if are_fresh(&directory, programs) { Ok(Self { directory }) } else { Self::build() }
    }

    /// A call of a program.
    pub(crate) fn command(&self, name: &str, args: &[String]) -> Command {
        let mut command = Command::new(self.directory.join(name));
        command.args(args);
        command
    }
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
