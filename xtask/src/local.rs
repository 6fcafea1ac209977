//! `cargo xtask local`: the embedded endpoints alone, until Ctrl-C.

use std::process::ExitCode;

use crate::binaries::Binaries;
use crate::console::print;
use crate::endpoints::{Endpoints, Ports, STREAM, Shards};
use crate::failure::Failure;

/// Run embedded Kinesis and DynamoDB endpoints until Ctrl-C, and print the environment with which any client reaches
/// them, to be pasted or read by `eval`.
///
/// While other commands of this project use them, the first Ctrl-C only says so, and the endpoints end with the last of
/// those or at a second Ctrl-C.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    ports: Ports,
    #[command(flatten)]
    shards: Shards,
    #[command(flatten)]
    behaviour: Behaviour,
}

/// Options that the endpoints themselves have; they check them.
#[derive(Debug, clap::Args)]
struct Behaviour {
    /// Keep everything in this directory, and go on from what is there.
    #[arg(long, value_name = "DIR")]
    directory: Option<String>,
    /// With a directory: wait for the disk at every change, so that changes survive the end of the machine too.
    #[arg(long, requires = "directory")]
    fsync: bool,
    /// How long a stream stays CREATING, UPDATING or DELETING, in milliseconds [default: 20].
    #[arg(long, value_name = "MS")]
    status_delay: Option<u64>,
    /// The most memory that stored records may take, in bytes; writes are throttled beyond [default: 1073741824].
    #[arg(long, value_name = "BYTES")]
    memory_cap: Option<u64>,
    /// Limit rates as AWS does: reads and writes of a shard, fan-out, and how often each operation may be called.
    #[arg(long)]
    limits: bool,
}

impl Behaviour {
    /// The same for the endpoints' program.
    fn args(&self) -> Vec<String> {
        let values = [
            ("--directory", self.directory.clone()),
            ("--status-delay", self.status_delay.map(|value| value.to_string())),
            ("--memory-cap", self.memory_cap.map(|value| value.to_string())),
        ];
        let values = values.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).flatten();
        let switches = [("--fsync", self.fsync), ("--limits", self.limits)];
        let switches = switches.into_iter().filter(|(_, on)| *on).map(|(name, _)| name.to_owned());
        values.chain(switches).collect()
    }
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let endpoints =
        Endpoints::start_unless_running(&Binaries::build()?, options.ports, options.shards, options.behaviour.args())?;
    for (name, value) in Endpoints::environment() {
        print(format!("export {name}={value}"))?;
    }
    print(format!("export AWS_ENDPOINT_URL_KINESIS={}", endpoints.kinesis))?;
    print(format!("export AWS_ENDPOINT_URL_DYNAMODB={}", endpoints.dynamodb))?;
    print(format!(
        "# aws kinesis put-record --stream-name {STREAM} --partition-key k --cli-binary-format raw-in-base64-out --data 'you are'"
    ))?;
    endpoints.wait()?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn passed_on(args: &[&str]) -> Vec<String> {
        let line = Line::try_parse_from([&["local"], args].concat()).expect("good options");
        line.options.behaviour.args()
    }

    #[test]
    fn the_endpoints_get_their_options_and_no_others() {
        assert_eq!(passed_on(&["--shards", "2"]), [""; 0]);
        let all = ["--directory", "some where", "--status-delay", "0", "--memory-cap", "9", "--fsync", "--limits"];
        assert_eq!(passed_on(&all), all);
    }

    #[test]
    fn waiting_for_the_disk_needs_a_directory() {
        assert!(Line::try_parse_from(["local", "--fsync"]).is_err());
    }
}
