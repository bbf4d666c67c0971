//! The product's log on something that can fail: a disk that fills up, or a reader that dies.

use crate::world::{SmallDisk, run};
use patchbay_bench::Failure;
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// What keeps the product's log.
pub enum Log {
    Disk(SmallDisk),
    Reader { fifo: PathBuf, process: Child },
}

impl Log {
    pub fn on_a_small_disk() -> Result<Self, Failure> {
        Ok(Self::Disk(SmallDisk::mount(SMALL)?))
    }

    pub fn with_a_reader(folder: &Path) -> Result<Self, Failure> {
        let fifo = folder.join("log.fifo");
        run(Command::new("mkfifo").arg(&fifo))?;
        let process = read(&fifo)?;
        Ok(Self::Reader { fifo, process })
    }

    /// Starts the binary with its log here, and with so much of it that whatever fails is met at once.
    pub fn command(&self, binary: &Path) -> Command {
        let target = match self {
            Self::Disk(disk) => disk.path().join("log"),
            Self::Reader { fifo, .. } => fifo.clone(),
        };
        let mut command = Command::new("sh");
        command.args(["-c", "log=$0; binary=$1; shift; exec \"$binary\" \"$@\" 2>>\"$log\""]).arg(target).arg(binary);
        command.env("RUST_LOG", "debug");
        command
    }

    pub fn fail(&mut self) -> Result<&'static str, Failure> {
        match self {
            Self::Disk(disk) => tokio::task::block_in_place(|| disk.fill()).map(|()| "log's disk full"),
            Self::Reader { process, .. } => {
                process.kill()?;
                process.wait()?;
                Ok("log's reader killed")
            }
        }
    }

    /// A server that is started finds its log well; one that runs on finds room on its disk, and no new reader.
    pub fn repair(&mut self) -> Result<(), Failure> {
        match self {
            Self::Disk(disk) => disk.free(),
            Self::Reader { fifo, process } => {
                *process = read(fifo)?;
                Ok(())
            }
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Self::Reader { process, .. } = self {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

/// Megabytes: of a log at its most talkative, some seconds.
const SMALL: usize = 16;

fn read(fifo: &Path) -> Result<Child, Failure> {
    Ok(Command::new("cat").arg(fifo).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
}
